"""The console: what the operator's people see and do, as plain pages.

Server-rendered (Jinja2), with htmx where a page changes in place and ECharts where it draws.
A page is a function from a request to a template's values; it reads through the domains'
queries and writes through their operations, like every other edge.
"""

from trunkline.console.app import create_app
from trunkline.console.web import Console

__all__ = ["Console", "create_app"]
