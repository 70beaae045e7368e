"""The people of the demonstration: invented names and addresses, the same for the same number."""

from random import Random
from typing import NamedTuple

_GIVEN = (
    "Aoife", "Bram", "Ciara", "Daan", "Elif", "Finn", "Grainne", "Hana", "Ines", "Jonas",
    "Katya", "Liam", "Maeve", "Noor", "Oisin", "Petra", "Quinn", "Roisin", "Sven", "Tadhg",
    "Ulrike", "Vera", "Wiktor", "Ximena", "Yusuf", "Zofia", "Anders", "Bridget", "Cormac",
    "Dilara", "Eoghan", "Fatima", "Giulia", "Henrik", "Isolde", "Joao", "Kasia", "Lorcan",
    "Mirela", "Niamh",
)  # fmt: skip
_FAMILY = (
    "Aherne", "Bakker", "Costa", "Doyle", "Eriksen", "Fallon", "Gallagher", "Hofmann", "Ivanova",
    "Janssen", "Keane", "Lindqvist", "Murphy", "Nowak", "O'Brien", "Petrov", "Quirke", "Rossi",
    "Sheehan", "Tuohy", "Usmani", "Visser", "Walsh", "Xavier", "Yilmaz", "Zielinski", "Breslin",
    "Conaty", "Duggan", "Fitzgerald", "Geraghty", "Hegarty", "Kinsella", "Lenihan", "Mulcahy",
    "Nugent", "Power", "Rafferty", "Sorensen", "Tierney",
)  # fmt: skip
_STREETS = (
    "Harbour Road", "Mill Lane", "Strand Street", "Lighthouse Terrace", "Quay Street",
    "Chapel Hill", "Orchard Row", "Ferry Road", "Castle Street", "Weaver's Walk",
)  # fmt: skip
_TOWNS = (
    ("Dublin", "D02"), ("Cork", "T12"), ("Galway", "H91"), ("Limerick", "V94"),
    ("Waterford", "X91"), ("Sligo", "F91"), ("Kilkenny", "R95"), ("Dundalk", "A91"),
)  # fmt: skip


class Person(NamedTuple):
    given: str
    family: str
    email: str
    street: str
    town: str
    postcode: str


def person(number: int) -> Person:
    """The `number`th person, always the same one."""
    random = Random(number)  # noqa: S311 - reproducible, not secret
    given, family = random.choice(_GIVEN), random.choice(_FAMILY)
    town, area = random.choice(_TOWNS)
    plain = family.replace("'", "").lower()
    return Person(
        given,
        family,
        f"{given.lower()}.{plain}{number}@mail.example",
        f"{random.randint(1, 180)} {random.choice(_STREETS)}",
        town,
        f"{area} {random.choice('ACDEFHKNPRTVWXY')}{random.randint(100, 999)}",
    )
