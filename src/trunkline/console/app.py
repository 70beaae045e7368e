"""The console's routes."""

from typing import Any

import falcon

from trunkline.console.pages.customers import Customer, Customers
from trunkline.console.pages.invoices import InvoicePdf
from trunkline.console.pages.orders import Order, Orders
from trunkline.console.pages.sign_in import Home, SignIn, SignOut, Theme
from trunkline.console.pages.today import Today
from trunkline.console.pages.top_ups import TopUp
from trunkline.console.pages.vouchers import OneVoucher, Vouchers
from trunkline.console.problems import add_handlers
from trunkline.console.rendering import STATIC
from trunkline.console.static_files import StaticFiles
from trunkline.console.web import Console, Guard


def create_app(console: Console) -> falcon.App[Any, Any]:
    """The console as a WSGI application, for the paths under `/console` and `/static`."""
    app: falcon.App[Any, Any] = falcon.App(middleware=[Guard(console)])
    add_handlers(app)
    today, customer, order = Today(console), Customer(console), Order(console)
    vouchers = Vouchers(console)
    app.add_route("/", Home())
    app.add_route("/console", today)
    app.add_route("/console/today/figures", today, suffix="figures")
    app.add_route("/console/today/charging", today, suffix="charging")
    app.add_route("/console/sign-in", SignIn(console))
    app.add_route("/console/sign-out", SignOut(console))
    app.add_route("/console/theme", Theme())
    app.add_route("/console/customers", Customers(console))
    app.add_route("/console/customers/{customer}", customer)
    app.add_route("/console/customers/{customer}/balances", customer, suffix="balances")
    app.add_route("/console/customers/{customer}/top-up", TopUp(console))
    app.add_route("/console/orders", Orders(console))
    app.add_route("/console/orders/{order}", order)
    app.add_route("/console/orders/{order}/cancel", order, suffix="cancel")
    app.add_route("/console/orders/{order}/retry", order, suffix="retry")
    app.add_route("/console/vouchers", vouchers)
    app.add_route("/console/vouchers/release", vouchers, suffix="release")
    app.add_route("/console/vouchers/batches/{batch}", vouchers, suffix="batch")
    app.add_route("/console/vouchers/{serial}", OneVoucher(console))
    app.add_route("/console/invoices/{invoice}.pdf", InvoicePdf(console))
    app.add_route("/static/{path:path}", StaticFiles(STATIC))
    return app
