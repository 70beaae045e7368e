"""The pictures of the README, taken from the running system: `make pictures`."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.town import Town

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 300_000
"""Bytes of one picture."""

pytestmark = pytest.mark.skipif(
    "TRUNKLINE_TEST_PICTURES" not in os.environ,
    reason="TRUNKLINE_TEST_PICTURES=1 takes the pictures",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sign-in", "today", "customer", "order"])
def test_take(open_page: OpenPage, town: Town, name: str, theme: str) -> None:
    customer = town.customer(prepaid=False)
    path = {
        "sign-in": "/console/sign-in",
        "today": "/console",
        "customer": f"/console/customers/{customer.id}",
        "order": f"/console/orders/{town.order_of(customer).id}",
    }[name]
    page = open_page(path, theme=theme, signed_in=name != "sign-in")
    if name in ("today", "customer"):
        expect(page.locator("[data-chart] svg")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    picture = page.screenshot()
    assert len(picture) < LARGEST
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}-{theme}.png").write_bytes(picture)
