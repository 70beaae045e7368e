"""The northbound edge: TM Forum's Open APIs, one declaration file each, and their documents.

A declaration says how a domain's models look on the wire, which paths lists may be filtered
and sorted by, and which operation a POST or a PATCH means. It holds no rule of its own; the
wire form of a version stays here, so that a second one can stand beside it.
"""

from trunkline.rest.app import all_apis, create_app, open_apis

__all__ = ["all_apis", "create_app", "open_apis"]
