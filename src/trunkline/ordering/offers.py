"""What the items of orders, quotes and carts are about: offerings, and products of the customer."""

from collections.abc import Iterable

from trunkline import catalog, customers, inventory
from trunkline.catalog import Offering, OfferingId
from trunkline.customers import CustomerId
from trunkline.ordering.bodies import Body, action_of, customer_and_path, items_in, offering_in
from trunkline.ordering.model import Action, UnfitOrder, UnknownReference
from trunkline.platform.db import Reader


def offers(r: Reader, ids: Iterable[str]) -> dict[OfferingId, Offering]:
    """Those of these that exist, and what is in the bundles among them."""
    wanted = {OfferingId(each) for each in ids}
    found = catalog.offerings(r, wanted) if wanted else {}
    inside = {part for each in found.values() for part in each.components} - found.keys()
    return found | catalog.offerings(r, inside) if inside else found


def offers_in(r: Reader, body: Body, items: str) -> dict[OfferingId, Offering]:
    """The offerings that a document's items (at `items`, and within each other) are about.
    Raises `UnknownReference` for a customer, an offering or a product of that customer that
    doesn't exist, and `UnfitOrder` for an item that names none; each with its path."""
    customer = customer_and_path(body)
    if customer is not None and not customers.customers(r, {CustomerId(customer[0])}):
        raise UnknownReference(f"there is no customer {customer[0][:60]}", path=customer[1])
    offerings: dict[str, str] = {}
    products: dict[str, str] = {}
    for at, item in items_in(body.get(items) or [], items, items):
        action, offering = action_of(item, at), offering_in(item, at)
        if offering is not None:
            offerings.setdefault(*offering)
        elif action is Action.ADD:
            raise UnfitOrder("what is added has an offering", path=f"{at}.productOffering.id")
        if action is not Action.ADD:
            product = (item.get("product") or {}).get("id")
            if product is None:
                raise UnfitOrder("is about a product", path=f"{at}.product.id")
            products.setdefault(product, f"{at}.product.id")
    _check_products(r, products, customer[0] if customer else None)
    known = offers(r, offerings)
    for ident, path in offerings.items():
        if OfferingId(ident) not in known:
            raise UnknownReference(f"there is no offering {ident[:60]}", path=path)
    return known


def _check_products(r: Reader, named: dict[str, str], customer: str | None) -> None:
    found = inventory.products(r, list(named)) if named else []
    theirs = {str(each.id) for each in found if each.customer == customer}
    for ident, path in named.items():
        if ident not in theirs:
            raise UnknownReference(f"the customer has no product {ident[:60]}", path=path)
