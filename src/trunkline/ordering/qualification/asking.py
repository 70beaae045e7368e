"""Who asks, read from the books: no more of it than what is asked for depends on."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from trunkline import inventory
from trunkline.catalog import Offering
from trunkline.customers import Customer
from trunkline.inventory import Product, ProductStatus
from trunkline.ordering.qualification import store
from trunkline.ordering.qualification.model import Asker, Place, segments
from trunkline.platform.db import Reader

_HAD = (
    ProductStatus.CREATED,
    ProductStatus.PENDING_ACTIVE,
    ProductStatus.ACTIVE,
    ProductStatus.SUSPENDED,
)


def asker(
    r: Reader,
    owner: Customer | None,
    offerings: Iterable[Offering],
    *,
    currency: str | None,
    places: Sequence[Place] = (),
    channels: Iterable[str] = (),
    named_segments: Iterable[str] = (),
    without: Collection[str] = (),
) -> Asker:
    """`owner` is None for somebody unknown. `without` are products that are about to go."""
    rules = [each.eligibility for each in offerings]
    had: Counter[str] = Counter()
    if owner is not None and any(rule.depends_on_others for rule in rules):
        had = held(inventory.products_of_customer(r, owner.id), without)
    reached = None
    if places and any(rule.access is not None for rule in rules):
        reached = store.accesses_at(r, places)
    own = frozenset[str]() if owner is None else segments(owner.characteristics)
    return Asker(
        brand=None if owner is None else owner.brand,
        currency=currency,
        segments=own | {each.lower() for each in named_segments},
        channels=frozenset(each.lower() for each in channels),
        has=had,
        reached=reached,
    )


def held(products: Iterable[Product], without: Collection[str] = ()) -> Counter[str]:
    """How many of these stand or are on their way, by offering."""
    return Counter(
        each.offering for each in products if each.status in _HAD and each.id not in without
    )
