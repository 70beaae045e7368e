"""Contact media between the wire and the domain.

The domain knows those that messages and bills can be sent to; whatever else a document's
ContactMedium may say is kept and found, too.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from babel import Locale

from trunkline.customers import ContactMedium, Email, OtherMedium, Phone, PostalAddress
from trunkline.kernel.errors import Invalid
from trunkline.tmf import Body

_PHONES = ("phone", "mobile", "telephone", "fixed", "landline", "sms", "cell")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{4,14}")
_POSTAL = {
    "street1": "street1",
    "street2": "street2",
    "post_code": "postCode",
    "city": "city",
    "state_or_province": "stateOrProvince",
    "country": "country",
}
_ELSE = ("socialNetworkId", "faxNumber", "contactType")


def media_of(forms: Any, path: str) -> tuple[ContactMedium, ...]:
    """The media that a document's list says. Raises `Invalid`, its path below `path`."""
    return tuple(
        _medium(form, f"{path}[{index}]")
        for index, form in enumerate(forms or ())
        if isinstance(form, Mapping)
    )


def media_forms(media: Iterable[ContactMedium]) -> list[Body]:
    """What is known of media that came in otherwise, as a document's list."""
    return [_form(medium) for medium in media]


def settled(forms: list[Body], media: Iterable[ContactMedium]) -> list[Body]:
    """The list as it is kept: with each number in the form that it is dialled in."""
    kept = []
    for form, medium in zip(forms, media, strict=True):
        if isinstance(medium, Phone):
            said = {**form["characteristic"], "phoneNumber": medium.number}
            form = {**form, "characteristic": said}
        kept.append(form)
    return kept


def _medium(form: Mapping[str, Any], path: str) -> ContactMedium:
    kind = str(form.get("mediumType") or "").replace(" ", "").lower()
    said: Mapping[str, Any] = form.get("characteristic") or {}
    preferred = bool(form.get("preferred"))
    if kind.startswith(("email", "e-mail")) or (not kind and said.get("emailAddress")):
        address = _needed(said, "emailAddress", path)
        return Email(address=address, preferred=preferred)
    if kind.startswith(_PHONES) or (not kind and said.get("phoneNumber")):
        return _phone(_needed(said, "phoneNumber", path), preferred, path)
    if not kind and not any(said.values()):
        raise Invalid("is required where nothing else tells", path=f"{path}.mediumType")
    return _postal(said, preferred) or _other(said, preferred)


def _phone(number: str, preferred: bool, path: str) -> ContactMedium:
    digits = re.sub(r"[\s().-]", "", number)
    if _INTERNATIONAL.fullmatch(digits):
        return Phone(number=digits, preferred=preferred)
    if not any(letter.isdigit() for letter in number):
        raise Invalid(f"{number[:40]!r} is no number", path=f"{path}.characteristic.phoneNumber")
    return OtherMedium(number=number, preferred=preferred)


def _postal(said: Mapping[str, Any], preferred: bool) -> PostalAddress | None:
    """An address that a letter reaches: street, town and a known country."""
    country = _country(str(said.get("country") or ""))
    if not said.get("street1") or not said.get("city") or country is None:
        return None
    return PostalAddress(
        street1=said["street1"],
        street2=said.get("street2"),
        post_code=said.get("postCode"),
        city=said["city"],
        state_or_province=said.get("stateOrProvince"),
        country=country,
        preferred=preferred,
    )


def _other(said: Mapping[str, Any], preferred: bool) -> OtherMedium:
    known = {field: said.get(name) for field, name in _POSTAL.items()}
    other = next((said[name] for name in _ELSE if said.get(name)), None)
    return OtherMedium(
        address=said.get("emailAddress"),
        number=said.get("phoneNumber"),
        other=other,
        preferred=preferred,
        **known,
    )


def _form(medium: ContactMedium) -> Body:
    match medium:
        case Email(address=address):
            kind, said = "email", {"emailAddress": address}
        case Phone(number=number):
            kind, said = "phone", {"phoneNumber": number}
        case PostalAddress() | OtherMedium():
            kind = "postalAddress" if isinstance(medium, PostalAddress) else "other"
            said = {
                name: value
                for field, name in _POSTAL.items()
                if (value := getattr(medium, field)) is not None
            }
    if isinstance(medium, OtherMedium):
        more = {"emailAddress": medium.address, "phoneNumber": medium.number,
                "contactType": medium.other}  # fmt: skip
        said |= {name: value for name, value in more.items() if value is not None}
    return {"mediumType": kind, "preferred": medium.preferred, "characteristic": said}


def _country(said: str) -> str | None:
    """ISO 3166-1 alpha-2, from that or an English name."""
    word = said.strip()
    return word if word in _countries().values() else _countries().get(word.casefold())


@cache
def _countries() -> dict[str, str]:
    territories = Locale("en").territories
    return {
        name.casefold(): code
        for code, name in territories.items()
        if re.fullmatch("[A-Z]{2}", code)
    } | {"usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB"}


def _needed(said: Mapping[str, Any], name: str, path: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise Invalid("is required", path=f"{path}.characteristic.{name}")
    return value
