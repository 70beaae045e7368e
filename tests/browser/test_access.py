"""The console for everybody: by keyboard alone, and as axe-core checks it, in both themes."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage, Watch
from tests.browser.town import Town

THEMES = ("light", "dark")


def paths(town: Town) -> dict[str, str]:
    return {
        "sign-in": "/console/sign-in",
        "today": "/console",
        "customers": "/console/customers",
        "nobody found": "/console/customers?q=nobody+at+all",
        "prepaid customer": f"/console/customers/{town.customer(prepaid=True).id}",
        "postpaid customer": f"/console/customers/{town.customer(prepaid=False).id}",
        "orders": "/console/orders",
        "order": f"/console/orders/{town.order_of(town.customer(prepaid=True)).id}",
        "held order": f"/console/orders/{town.held}",
        "problem": "/console/nowhere",
    }


PAGES = (
    "sign-in",
    "today",
    "customers",
    "nobody found",
    "prepaid customer",
    "postpaid customer",
    "orders",
    "order",
    "held order",
    "problem",
)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(
    open_page: OpenPage, town: Town, watch: Watch, name: str, theme: str
) -> None:
    watch.expected = ("404",)
    page = open_page(paths(town)[name], theme=theme, signed_in=name != "sign-in")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
    assert violations(page) == []


def focused(page: Page) -> str:
    """The accessible name, or so, of what has the focus; its outline must be seen."""
    found: tuple[str, str, int] = page.evaluate(
        """() => {
          const element = document.activeElement, style = getComputedStyle(element);
          const name = element.ariaLabel || element.innerText || element.id;
          return [name.trim(), `${style.outlineStyle} ${style.boxShadow}`, element.offsetWidth];
        }"""
    )
    name, marked, width = found
    assert marked != "none none", f"nobody sees the focus on {name!r}"
    assert width > 1, f"{name!r} has the focus and can't be seen"
    return name


def test_by_keyboard_alone(open_page: OpenPage, town: Town) -> None:
    page = open_page("/console/sign-in", signed_in=False)
    expect(page.get_by_label("User")).to_be_focused()
    page.keyboard.type(town.user)
    page.keyboard.press("Tab")
    page.keyboard.type(town.secret)
    page.keyboard.press("Tab")
    assert focused(page) == "Sign in"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    order = []
    for _ in range(10):
        page.keyboard.press("Tab")
        order.append(focused(page))
    assert order == [
        "Skip to content",
        "Skerry Mobile",
        "Today",
        "Customers",
        "Orders",
        "Vouchers",
        "API documentation",
        "Search customers",
        "Dark colours",
        "Sign out",
    ]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    assert re.fullmatch(r"\d+", focused(page)), "the first link after the frame is a figure's"


def test_a_top_up_by_keyboard(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=True)
    page = open_page(f"/console/customers?q={town.number_of(customer)}")
    page.locator("#content").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
        if focused(page) == customer.name:
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)
    page.locator("#content").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if focused(page) == "amount-1":
            break
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The top-up was received")
