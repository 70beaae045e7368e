"""Who may see what, and how little an answer tells whoever may not."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.unit.console.office import CSRF, Office, text_of
from trunkline import ordering
from trunkline.console import create_app
from trunkline.kernel.errors import Unavailable
from trunkline.platform import roles

PATHS = (
    "/console",
    "/console/today/figures",
    "/console/today/charging",
    "/console/customers",
    "/console/customers/cus_1",
    "/console/customers/cus_1/balances",
    "/console/orders",
    "/console/orders/ord_1",
    "/console/invoices/inv_1.pdf",
    "/console/vouchers",
    "/console/vouchers/1",
)


OPEN = {"/", "/console/sign-in", "/static/{path:path}"}
OWN = {"/console/sign-out", "/console/theme"}


def routes(office: Office) -> list[tuple[str, str, Any]]:
    """Every (path, method, resource) that the console has."""
    found: list[tuple[str, str, Any]] = []

    def walk(nodes: list[Any]) -> None:
        for node in nodes:
            if node.resource is not None:
                methods = [
                    method
                    for method, responder in node.method_map.items()
                    if getattr(responder, "__self__", None) is node.resource
                ]
                found.extend((node.uri_template, method, node.resource) for method in methods)
            walk(node.children)

    walk(create_app(office.console)._router._roots)
    return found


def test_every_route_but_signing_in_is_closed(office: Office) -> None:
    nobody, poor = office.visitor(), office.visitor("tmf000:*", name="poor")
    known = routes(office)
    assert len(known) > 15
    for path, method, resource in known:
        if getattr(resource, "is_open", False):
            assert path in OPEN
            continue
        where = re.sub(r"\{\w+\}", "any", path)
        answer = nobody.get(where) if method == "GET" else nobody.post(where)
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/console/sign-in"), (method, path)
        if getattr(resource, "is_own", False):
            assert path in OWN
            continue
        refused = poor.get(where) if method == "GET" else poor.post(where)
        assert refused.status_code == 403, (method, path)


@together("path", PATHS)
def test_nobody_sees_anything_without_signing_in(office: Office, path: str) -> None:
    visitor = office.visitor()
    answer = visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/console/sign-in?next={path}"
    assert answer.text == ""


def test_a_piece_of_a_page_leads_the_whole_page_to_signing_in(office: Office) -> None:
    here = "http://console.example/console/customers?q=m%C3%BCller"
    answer = office.visitor().get("/console/today/figures", HX_Request="true", HX_Current_URL=here)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == (
        "/console/sign-in?next=/console/customers%3Fq%3Dm%25C3%25BCller"
    )


def test_a_form_that_comes_too_late_is_not_kept(office: Office) -> None:
    answer = office.visitor().post("/console/orders/ord_1/cancel")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in"


def test_a_session_ends(office: Office) -> None:
    visitor = office.visitor("*")
    assert visitor.get("/console").status_code == 200
    office.clock.advance(timedelta(hours=12))
    assert visitor.get("/console").status_code == 303


@together(
    ("fields", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "another"}, {}),
        ({"csrf": CSRF}, {"X_CSRF_Token": "another"}),
        ({"csrf": CSRF}, {"Sec_Fetch_Site": "cross-site"}),
        ({"csrf": CSRF}, {"Sec_Fetch_Site": "same-site"}),
    ],
)
def test_other_sites_forms_do_nothing(
    office: Office, fields: dict[str, str], headers: dict[str, str]
) -> None:
    order = office.order(office.customer())
    visitor = office.visitor("*")
    answer = visitor.post(f"/console/orders/{order.id}/cancel", fields, **headers)
    assert answer.status_code == 403
    with office.books.read() as r:
        assert ordering.order(r, order.id) == order


def test_signing_in_is_not_done_by_other_sites_either(office: Office) -> None:
    answer = office.visitor().post(
        "/console/sign-in", {"name": "admin", "secret": "x"}, Sec_Fetch_Site="cross-site"
    )
    assert answer.status_code == 403


def test_the_token_may_come_as_a_header(office: Office) -> None:
    answer = office.visitor("*").post("/console/theme", {"csrf": ""}, X_CSRF_Token=CSRF)
    assert answer.status_code == 303


def test_scopes_are_looked_at(office: Office) -> None:
    customer, _ = office.subscriber()
    reader = office.visitor("*:read", name="reader")
    page = reader.get(f"/console/customers/{customer.id}")
    assert page.status_code == 200
    assert "Top up" not in text_of(page)
    refused = reader.post(f"/console/customers/{customer.id}/top-up", {"amount": "1"})
    assert refused.status_code == 403
    assert "console:write is missing" in text_of(refused)
    assert reader.post("/console/theme").status_code == 303
    stranger = office.visitor("tmf620:*", name="stranger")
    assert stranger.get("/console").status_code == 403
    assert stranger.post("/console/sign-out").status_code == 303
    agent = office.visitor("console:*", "tmf629:read", "tmf654:write", name="agent")
    assert "Top up" in text_of(agent.get(f"/console/customers/{customer.id}"))


def test_a_page_takes_the_scope_of_its_api_too(office: Office) -> None:
    customer, _ = office.subscriber()
    path = f"/console/customers/{customer.id}"
    sales = office.visitor("console:*", "tmf622:*", name="sales")
    home = sales.get("/console")
    assert home.status_code == 200
    assert "/console/orders" in home.text
    assert 'href="/console/customers"' not in home.text
    assert sales.get("/console/orders").status_code == 200
    for refused, scope in (
        (sales.get("/console/customers"), "tmf629:read"),
        (sales.get(path), "tmf629:read"),
        (sales.get("/console/invoices/inv_1.pdf"), "tmf678:read"),
        (sales.post(f"{path}/top-up", {"amount": "1"}), "tmf654:write"),
    ):
        assert refused.status_code == 403
        assert f"{scope} is missing" in text_of(refused)
    teller = office.visitor("console:*", "tmf629:read", name="teller")
    assert "Top up" not in text_of(teller.get(path))


def test_a_permission_counts_at_the_next_click(office: Office) -> None:
    maeve = office.visitor("tmf620:read", name="maeve")
    assert maeve.get("/console").status_code == 403
    with office.books.transaction() as tx:
        roles.give(tx, user="maeve", role="careAgent", by=None, now=office.clock.now())
    assert maeve.get("/console/customers").status_code == 200


@pytest.mark.parametrize("path", ["/console", "/console/sign-in", "/nowhere", "/static/none"])
def test_headers_keep_pages_to_themselves(office: Office, path: str) -> None:
    headers = office.visitor("*").get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy, "scripts are the default's: ours, from files"
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_customers_data_stays_in_no_cache(office: Office) -> None:
    assert office.visitor("*").get("/console/customers").headers["cache-control"] == "no-store"


def test_what_is_not_there(office: Office) -> None:
    visitor = office.visitor("*")
    for path in ("/console/nowhere", "/console/customers/cus_x", "/console/invoices/inv_x.pdf"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "Back to Today" in text_of(answer)
    assert visitor.post("/console/orders").status_code == 405
    assert office.visitor().get("/console/nowhere").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/console/customers/%00",
        "/console/orders?state=%00",
        "/console/orders?start=-1",
        "/console/customers?after=%00",
    ],
)
def test_nonsense_is_refused(office: Office, path: str) -> None:
    answer = office.visitor("*").get(path)
    assert answer.status_code in (200, 400)
    text_of(answer)


def test_searching_for_anything_is_safe(office: Office) -> None:
    visitor = office.visitor("*")
    for text in ("%00", "%ED%A0%80", "%FF", "'%22%3E%3Cscript%3E", "a" * 3000, "%25_"):
        answer = visitor.get(f"/console/customers?q={text}")
        assert answer.status_code == 200
        assert "Nobody found" in text_of(answer) or "No customers yet" in text_of(answer)


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b'{"csrf": 1}', {"Content_Type": "application/json"}, "A form is sent as"),
        (b"csrf=%ff", {}, "The form is not UTF-8"),
        (b"csrf=\xff", {}, "The form is not UTF-8"),
        (b"csrf=" + b"x" * 70_000, {}, "The form is too large"),
    ],
)
def test_what_is_no_form(office: Office, body: bytes, headers: dict[str, str], why: str) -> None:
    answer = office.visitor("*").send("/console/theme", body, **headers)
    assert answer.status_code == 400
    assert why in text_of(answer)


def test_our_own_faults_are_not_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(ordering, "orders_by_state", broken)
    answer = office.visitor("*").get("/console")
    assert answer.status_code == 500
    assert "secret of the house" not in answer.text
    assert "Traceback" not in answer.text
    assert "Something went wrong here" in text_of(answer)


def test_what_is_away_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(ordering, "orders_by_state", away)
    answer = office.visitor("*").get("/console")
    assert answer.status_code == 503
    assert "The database does not answer" in text_of(answer)


def test_static_files_are_remembered_by_browsers(office: Office) -> None:
    visitor = office.visitor()
    first = visitor.get("/static/console.css")
    assert first.status_code == 200
    assert first.headers["content-type"].startswith("text/css")
    again = visitor.get("/static/console.css", If_None_Match=first.headers["etag"])
    assert again.status_code == 304
    assert again.text == ""


@together(
    "path", ["../web.py", "..%2Fweb.py", "%00", "vendor", "", "/etc/passwd", "templates/base.html"]
)
def test_static_files_lead_nowhere_else(office: Office, path: str) -> None:
    assert office.visitor().get(f"/static/{path}").status_code == 404


def test_pages_load_only_what_this_server_has(office: Office) -> None:
    """Every address in a page is a path here, and every asset exists where it was built."""
    customer, _ = office.subscriber()
    visitor = office.visitor("*")
    for path in ("/console", "/console/customers", f"/console/customers/{customer.id}"):
        for address in re.findall(r'(?:src|href|action|hx-get)="([^"]*)"', visitor.get(path).text):
            assert address.startswith(("/console", "/static/", "/docs", "#")), address
