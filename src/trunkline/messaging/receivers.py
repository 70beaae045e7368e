"""Who is reached: their addresses, languages and clock."""

from typing import Any
from zoneinfo import ZoneInfo

from trunkline import catalog, customers
from trunkline.catalog import BrandId, Market
from trunkline.customers import Customer, CustomerId, Email, Party, PartyId, Phone
from trunkline.kernel.time import zone
from trunkline.messaging import store
from trunkline.messaging.model import (
    DEFAULT_QUIET_HOURS,
    ChannelName,
    NoAddress,
    QuietHours,
    Recipient,
    address_of,
)
from trunkline.platform.db import Reader
from trunkline.tmf.documents import Body

_LANGUAGE = "language"


def quiet_hours(r: Reader, market: Market | None) -> QuietHours:
    """Those that were set for the market, else from 21:00 to 08:00."""
    found = None if market is None else store.quiet_hours_of(r, market.id)
    return found or DEFAULT_QUIET_HOURS


def _zone(market: Market | None) -> ZoneInfo:
    return zone("UTC" if market is None else market.time_zone)


def recipient(r: Reader, ident: str) -> Recipient | None:
    """The party or customer with this id; None where there is none."""
    party_id = customers.parties_of(r, {ident}).get(ident)
    if party_id is None:
        return None
    party = customers.party(r, party_id)
    customer = _customer(r, ident, party_id)
    market, brand = _market(r, None if customer is None else customer.brand)
    languages = () if market is None else market.languages
    preferred = next((each for each in party.contact_media if each.preferred), None)
    media = sorted(party.contact_media, key=lambda each: not each.preferred)
    return Recipient(
        party=party_id,
        customer=None if customer is None else customer.id,
        name=party.name,
        languages=(*_languages(party, customer), *languages),
        zone=_zone(market),
        quiet=quiet_hours(r, market),
        email=tuple(each.address for each in media if isinstance(each, Email)),
        phone=tuple(each.number for each in media if isinstance(each, Phone)),
        preferred=(
            ChannelName.EMAIL
            if isinstance(preferred, Email)
            else ChannelName.SMS
            if isinstance(preferred, Phone)
            else None
        ),
        brand=brand,
    )


def anybody(r: Reader) -> Recipient:
    """Somebody of whom only an address is known: they live by the first brand's clock."""
    market, brand = _market(r, None)
    return Recipient(
        party=None,
        customer=None,
        name=None,
        languages=() if market is None else market.languages,
        zone=_zone(market),
        quiet=quiet_hours(r, market),
        brand=brand,
    )


def resolve(r: Reader, channel: ChannelName, receiver: Body, path: str) -> tuple[Recipient, str]:
    """Who a message's receiver is, and the address: its own, else that of the party it names.
    Raises `NoAddress`."""
    known = _party_of(r, receiver)
    given, attribute = _given(channel, receiver)
    if given is not None:
        return known or anybody(r), address_of(channel, given, path=f"{path}.{attribute}")
    if known is None:
        raise NoAddress(
            "names neither an address nor a party that has one", path=f"{path}.{attribute}"
        )
    if channel is ChannelName.APP:
        assert known.party is not None
        return known, known.party
    there = known.email if channel is ChannelName.EMAIL else known.phone
    if not there:
        raise NoAddress(f"{known.name} has no {attribute}", path=f"{path}.party")
    return known, address_of(channel, there[0], path=f"{path}.party")


def _party_of(r: Reader, receiver: Body) -> Recipient | None:
    named: Any = receiver.get("party", {}).get("id") or receiver.get("id")
    return None if named is None else recipient(r, named)


def _given(channel: ChannelName, receiver: Body) -> tuple[str | None, str]:
    match channel:
        case ChannelName.EMAIL:
            return receiver.get("email"), "email"
        case ChannelName.SMS:
            return receiver.get("phoneNumber"), "phoneNumber"
        case _:
            return None, "party"


def _customer(r: Reader, ident: str, party: PartyId) -> Customer | None:
    if ident != party:
        return customers.customer(r, CustomerId(ident))
    return next(iter(customers.customers_of_party(r, party)), None)


def _market(r: Reader, brand: BrandId | None) -> tuple[Market | None, str]:
    """Where the brand sells, else the first of the brands, and its name; none where there is no
    brand yet."""
    found = next(iter(catalog.brands(r)), None) if brand is None else catalog.brand(r, brand)
    return (None, "") if found is None else (catalog.market(r, found.market), found.name)


def _languages(party: Party, customer: Customer | None) -> tuple[str, ...]:
    """What the customer, else the party, is said to prefer; then those that a person is known
    to understand (TMF632, languageAbility), the favourite first."""
    sources = (
        [party.extensions] if customer is None else [customer.characteristics, party.extensions]
    )
    said = [each.get(_LANGUAGE) for each in sources]
    abilities = [
        each for each in party.details.get("languageAbility", ()) if isinstance(each, dict)
    ]
    abilities.sort(key=lambda each: each.get("isFavouriteLanguage") is not True)
    said += [each.get("languageCode") for each in abilities]
    return tuple(each for each in said if isinstance(each, str) and 2 <= len(each) <= 20)
