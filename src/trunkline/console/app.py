"""The console's routes."""

import falcon

from trunkline.console import web
from trunkline.console.pages.customers import Customer, Customers
from trunkline.console.pages.invoices import InvoicePdf
from trunkline.console.pages.orders import Order, Orders
from trunkline.console.pages.sign_in import SignIn, SignOut, Theme
from trunkline.console.pages.today import Figures, Today
from trunkline.console.rendering import STATIC
from trunkline.kernel.errors import TrunklineError


def create_app(console: web.Console) -> falcon.App:
    """The console as a WSGI application, for the paths under `/console` and `/static`."""
    app = falcon.App(middleware=[web.Guard(console)])
    app.add_error_handler(Exception, web.unexpected)
    app.add_error_handler(TrunklineError, web.refused)
    app.add_route("/", web.Home())
    app.add_route("/console", Today(console))
    app.add_route("/console/today/figures", Figures(console))
    app.add_route("/console/sign-in", SignIn(console))
    app.add_route("/console/sign-out", SignOut(console))
    app.add_route("/console/theme", Theme())
    app.add_route("/console/customers", Customers(console))
    app.add_route("/console/customers/{customer}", Customer(console))
    app.add_route("/console/customers/{customer}/top-up", Customer(console), suffix="top_up")
    app.add_route("/console/orders", Orders(console))
    app.add_route("/console/orders/{order}", Order(console))
    app.add_route("/console/orders/{order}/cancel", Order(console), suffix="cancel")
    app.add_route("/console/orders/{order}/retry", Order(console), suffix="retry")
    app.add_route("/console/invoices/{invoice}.pdf", InvoicePdf(console))
    app.add_route("/static/{path:path}", web.StaticFiles(STATIC))
    return app
