"""Signing in and out."""

from datetime import timedelta

import pytest

from tests.cases import together
from tests.unit.console.office import CSRF, Office, text_of
from trunkline.console.pages.sign_in import _within
from trunkline.platform import security
from trunkline.platform.settings import ConsoleSettings

SECRET = "correct horse"


@pytest.fixture
def _administrator(office: Office) -> None:
    with office.books.transaction() as tx:
        security.create_user(tx, name="admin", secret=SECRET, scopes=["*"], now=office.clock.now())


@pytest.mark.parametrize(
    ("goal", "allowed"),
    [
        ("/console", True),
        ("/console/customers?q=x&after=y", True),
        ("/console?said=topped-up", True),
        ("", False),
        ("/", False),
        ("/consoles", False),
        ("//elsewhere.example/console", False),
        ("https://elsewhere.example/console", False),
        ("/\\elsewhere.example/console", False),
        ("/console\\@elsewhere.example", False),
        ("/console/\r\nSet-Cookie: a=b", False),
        ("javascript:alert(1)//console", False),
        ("console", False),
    ],
)
def test_a_goal_is_a_page_of_the_console(goal: str, allowed: bool) -> None:
    assert _within(goal) == (goal if allowed else "/console")


@pytest.mark.usefixtures("_administrator")
def test_in_and_out(office: Office) -> None:
    visitor = office.visitor(settings=ConsoleSettings(secure_cookies=True, session_hours=2))
    answer = visitor.post(
        "/console/sign-in", {"name": "admin", "secret": SECRET, "next": "/console/orders"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/orders"
    cookie = answer.cookies["trunkline_session"]
    assert cookie.http_only
    assert cookie.secure
    assert cookie.same_site == "Strict"
    assert cookie.path == "/console"
    assert cookie.expires == office.clock.now() + timedelta(hours=2)
    headers = {"Cookie": f"trunkline_session={cookie.value}"}
    page = visitor.client.simulate_get("/console", headers=headers)
    assert page.status_code == 200
    assert CSRF not in page.text
    with office.books.read() as r:
        session = security.console_session(r, cookie.value, office.clock.now())
    assert session is not None
    out = visitor.client.simulate_post(
        "/console/sign-out", headers=headers | {"X-CSRF-Token": session.csrf}
    )
    assert out.headers["location"] == "/console/sign-in"
    assert visitor.client.simulate_get("/console", headers=headers).status_code == 303


@pytest.mark.usefixtures("_administrator")
@together(
    ("name", "secret"),
    [("admin", "wrong"), ("nobody", SECRET), ("admin", ""), ("\0<b>", "\0"), ("a" * 500, "x")],
)
def test_wrong_is_wrong(office: Office, name: str, secret: str) -> None:
    answer = office.visitor().post("/console/sign-in", {"name": name, "secret": secret})
    assert answer.status_code == 401
    assert "trunkline_session" not in answer.cookies
    assert "The name or the secret is wrong" in text_of(answer)
    assert "<b>" not in answer.text


@pytest.mark.usefixtures("_administrator")
def test_who_guesses_waits(office: Office) -> None:
    visitor = office.visitor()
    fields = {"name": "admin", "secret": "guess"}
    for _ in range(security.FREE_FAILURES + 1):
        assert visitor.post("/console/sign-in", fields).status_code == 401
    answer = visitor.post("/console/sign-in", fields | {"secret": SECRET})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert "Too many attempts" in text_of(answer)
    office.clock.advance(timedelta(minutes=1))
    assert visitor.post("/console/sign-in", fields | {"secret": SECRET}).status_code == 303


def test_colours_are_the_browsers(office: Office) -> None:
    visitor = office.visitor("*")
    answer = visitor.post("/console/theme", {"theme": "dark", "back": "/console/orders"})
    assert answer.cookies["trunkline_theme"].value == "dark"
    assert answer.headers["location"] == "/console/orders"
    odd = visitor.post("/console/theme", {"theme": "<b>", "back": "https://elsewhere.example"})
    assert odd.cookies["trunkline_theme"].value == "light"
    assert odd.headers["location"] == "/console"


def test_the_root_leads_to_the_console(office: Office) -> None:
    assert office.visitor().get("/").headers["location"] == "/console"
