"""What the operator's people do in the console, in a real browser on a real month."""

import re
from io import BytesIO

from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import OpenPage, Watch, sign_in
from tests.browser.town import HOSTILE, READER, READERS_SECRET, Town, wait_until
from trunkline import inventory, ordering, payments
from trunkline.customers import accounts_of
from trunkline.kernel.money import Money

SOON = 30_000
"""Milliseconds that a busy machine may take for what other processes do at once."""

expect.set_options(timeout=SOON)


def figure(page: Page, label: str) -> str:
    card = page.locator(".figure-card", has=page.locator(".subheader", has_text=label))
    return card.locator(".h1").inner_text()


def test_signing_in_wrong_and_right(open_page: OpenPage, town: Town, watch: Watch) -> None:
    watch.expected = ("401",)
    page = open_page("/console/customers?q=mur", signed_in=False)
    expect(page).to_have_title(re.compile("Sign in"))
    expect(page.get_by_label("User")).to_be_focused()
    page.get_by_label("User").fill(town.user)
    page.get_by_label("Secret").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the secret is wrong")
    expect(page.get_by_label("User")).to_have_value(town.user)
    expect(page.get_by_label("Secret")).to_be_focused()
    page.keyboard.type(town.secret)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{town.url}/console/customers?q=mur")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign in"))
    page.goto(f"{town.url}/console")
    expect(page).to_have_title(re.compile("Sign in"))


def test_signing_in_leads_nowhere_else(open_page: OpenPage, town: Town) -> None:
    page = open_page("/console/sign-in?next=https://elsewhere.example/console", signed_in=False)
    sign_in(page, town)
    expect(page).to_have_url(f"{town.url}/console")


def test_today_is_live(open_page: OpenPage, town: Town) -> None:
    page = open_page("/console")
    with town.system.books.read() as r:
        assert figure(page, "Subscribers") == f"{inventory.active_subscribers(r)}"
        assert figure(page, "Orders") == f"{sum(ordering.orders_by_state(r).values())}"
    expect(page.locator("#charging svg path").first).to_be_attached()
    expect(page.get_by_role("row", name="Total")).to_be_visible()
    expect(page.get_by_text("in balance", exact=True)).to_be_visible()
    rate = page.locator("#live-charging .h1")

    def busy() -> bool:
        town.attach_phones(town.system.clock.now(), 50)
        page.wait_for_timeout(250)  # lets the page's own requests through
        return rate.inner_text() != "0 /s"

    wait_until(busy)
    page.get_by_role("link", name=re.compile("held")).click()
    expect(page).to_have_url(f"{town.url}/console/orders?state=held")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_customers_are_found_as_one_types(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=True)
    page = open_page("/console/customers")
    rows = page.locator("#customers tbody tr")
    search = page.get_by_label("Search by name, number, e-mail or id")
    search.press_sequentially(customer.name.split()[-1][:5].upper())
    found = rows.filter(has_text=town.number_of(customer))
    expect(found).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?]q="))
    search.fill("")
    search.press_sequentially(f"+{town.number_of(customer)}")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(customer.name)
    search.fill("nobody at all")
    expect(page.get_by_text("Nobody found")).to_be_visible()
    page.get_by_role("search").first.get_by_label("Search customers").fill("o.hara@mail")
    page.keyboard.press("Enter")
    rows.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)


def test_a_name_is_only_a_name(open_page: OpenPage, town: Town) -> None:
    for path in (
        "/console/customers?q=o.hara",
        f"/console/customers/{town.hostile.id}",
        f"/console/orders/{town.held}",
        "/console/orders",
    ):
        page = open_page(path)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
        expect(page).not_to_have_title("taken")
    page = open_page("/console/customers?q=" + "%22%3E%3Cscript%3Edocument.title='taken'")
    expect(page.get_by_text("Nobody found")).to_be_visible()
    expect(page).not_to_have_title("taken")


def test_a_customer_at_a_glance(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=False)
    page = open_page(f"/console/customers/{customer.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)
    products = page.get_by_role("region", name="Products")
    expect(products).to_contain_text(town.product_of(customer).name)
    expect(products).to_contain_text(town.number_of(customer))
    bars = page.get_by_role("progressbar")
    expect(bars).to_have_count(len(town.balance_of(customer).buckets))
    expect(bars.first).to_have_accessible_name("Included data, left")
    chart = page.locator("#usage-chart")
    expect(chart).to_have_accessible_name(re.compile(r"Usage by day since .*: .* and .*"))
    expect(chart.locator("svg text").filter(has_text="Data, MB")).to_be_attached()
    expect(page.get_by_role("button", name="Top up")).to_have_count(0)
    invoice = town.invoice_of(customer)
    expect(page.get_by_role("region", name="Invoices")).to_contain_text(invoice.number)
    page.get_by_role("link", name=town.order_of(customer).id).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Order for {customer.name}")


def test_a_top_up_grows_the_balance_once(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=True)
    before = town.balance_of(customer).money
    page = open_page(f"/console/customers/{customer.id}")
    form = page.locator("form", has=page.get_by_role("button", name="Top up"))
    page.get_by_label("Top up, EUR").fill("12,50")
    fields: dict[str, str | float | bool] = {
        each: form.locator(f"[name={each}]").input_value()
        for each in ("csrf", "product", "reference", "amount")
    }
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("The top-up was received")
    shown = f"€{(before + Money.of('12.5', 'EUR')).to_decimal():,f}"
    # Without a reload: the page asks for its balances again.
    expect(page.locator("[data-balance]")).to_have_text(shown)
    received = page.get_by_role("region", name="Payments").get_by_role("row")
    expect(received.filter(has_text="€12.50")).to_have_count(1)
    again = page.request.post(
        f"{town.url}/console/customers/{customer.id}/top-up", form=fields, max_redirects=0
    )
    assert again.status == 303
    other = page.request.post(
        f"{town.url}/console/customers/{customer.id}/top-up", form=fields | {"amount": "99"}
    )
    assert other.status == 409
    page.reload()
    expect(received.filter(has_text="€12.50")).to_have_count(1)
    with town.system.books.read() as r:
        [account] = accounts_of(r, customer.id)
        paid = payments.payments_of(r, account.id)
    assert [each.amount for each in paid].count(Money.of("12.5", "EUR")) == 1
    assert town.balance_of(customer).money == before + Money.of("12.5", "EUR")


def test_an_invoice_as_pdf(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=False)
    invoice = town.invoice_of(customer)
    page = open_page(f"/console/customers/{customer.id}")
    link = page.get_by_role("link", name=invoice.number)
    answer = page.request.get(town.url + (link.get_attribute("href") or ""))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/pdf"
    text = "\n".join(each.extract_text() for each in PdfReader(BytesIO(answer.body())).pages)
    assert invoice.number in text
    assert customer.name in text
    assert f"{invoice.gross.to_decimal():,f}" in text


def test_an_order_with_its_tasks(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=True)
    page = open_page(f"/console/orders/{town.order_of(customer).id}")
    tasks = page.locator("tbody tr")
    expect(tasks).to_have_count(5)
    expect(tasks.get_by_text("completed")).to_have_count(5)
    expect(tasks.first).to_contain_text(town.number_of(customer))
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(0)
    page.get_by_role("link", name=customer.name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)


def test_a_held_order_is_tried_again_and_cancelled(open_page: OpenPage, town: Town) -> None:
    page = open_page(f"/console/orders/{town.held}")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Try again: reserve number").click()
    expect(page.get_by_role("status")).to_have_text("The task is tried again.")
    expect(page.get_by_role("button", name="Try again: reserve number")).to_be_visible()
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("status")).to_have_text("The order is being cancelled.")
    # Without a reload: a page of an order that moves looks again.
    expect(page.locator("#facts + .card-actions")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(0)


def test_a_reader_only_reads(open_page: OpenPage, town: Town) -> None:
    customer = town.customer(prepaid=True)
    page = open_page("/console/sign-in", signed_in=False)
    sign_in(page, town, READER, READERS_SECRET)
    page.goto(f"{town.url}/console/customers/{customer.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)
    expect(page.get_by_role("button", name="Top up")).to_have_count(0)
    csrf = page.locator("input[name=csrf]").first.input_value()
    answer = page.request.post(
        f"{town.url}/console/customers/{customer.id}/top-up", form={"csrf": csrf}
    )
    assert answer.status == 403
    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_dark_colours_stay(open_page: OpenPage, town: Town) -> None:
    page = open_page("/console/orders?state=completed")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page).to_have_url(f"{town.url}/console/orders?state=completed")
    page.get_by_role("link", name="Customers").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.get_by_role("button", name="Light colours").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_a_session_that_ended_leads_to_signing_in(
    open_page: OpenPage, town: Town, watch: Watch
) -> None:
    watch.expected = ("401",)
    page = open_page("/console")
    page.context.clear_cookies()
    # The page's own next request finds out.
    expect(page).to_have_title(re.compile("Sign in"))
    assert page.url == f"{town.url}/console/sign-in?next=/console"


def test_no_page_is_a_page_too(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("404", "400")
    for path, heading in (
        ("/console/nowhere", "Not found"),
        ("/console/customers/cus_nobody", "Not found"),
        ("/console/orders/ord_none", "Not found"),
        ("/console/invoices/inv_none.pdf", "Not found"),
        ("/console/orders?state=nonsense", "That can't be right"),
    ):
        page = open_page(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(page.get_by_role("link", name="Back to Today")).to_be_visible()


def test_a_phone_shows_it_too(open_page: OpenPage, town: Town) -> None:
    page = open_page("/console", size={"width": 390, "height": 844})
    for path in (
        "/console",
        "/console/customers",
        f"/console/customers/{town.customer(prepaid=True).id}",
        "/console/orders",
        f"/console/orders/{town.held}",
    ):
        page.goto(f"{town.url}{path}")
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{path} is wider than the screen"
    sections = page.get_by_role("link", name="Customers", exact=True)
    expect(sections).to_be_hidden()
    page.get_by_role("button", name="Show the sections").click()
    expect(sections).to_be_visible()
