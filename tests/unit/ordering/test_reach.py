"""Files that say where a technology reaches."""

import pytest

from trunkline.ordering import Place, read_areas
from trunkline.ordering.qualification.model import UnfitReach


def test_areas_are_postcodes_or_places() -> None:
    text = "Postcode,country,place\nD02 X,IE,\n, ,plc-1\n"
    assert read_areas(text) == [Place(postcode="D02 X", country="IE"), Place(id="plc-1")]
    assert read_areas("postcode\n") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "line 1"),
        ("town\nDublin\n", "line 1"),
        ("postcode,postcode\n1,2\n", "line 1"),
        ("postcode,place\nD02,plc\n", "line 2"),
        ("postcode,place\nD02,\n,\n", "line 3"),
        ("postcode\nD02\n" + "9" * 21 + "\n", "line 3"),
        ("postcode,country\nD02,Ireland\n", "line 2"),
        ("postcode,country\nD02\n", "line 2"),
        ("postcode\nD02,IE\n", "line 2"),
        ('postcode\n"D02\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be(text: str, line: str) -> None:
    with pytest.raises(UnfitReach) as refused:
        read_areas(text)
    assert refused.value.path == line
