"""What a query string means, and which are refused."""

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.tmf import query
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Term

ONE_TERM = [
    ("a=v", Term("a", Op.EQ, ("v",))),
    ("a.b.eq=v", Term("a.b", Op.EQ, ("v",))),
    ("a=1,2;3", Term("a", Op.EQ, ("1", "2", "3"))),
    ("a=1&a=2", Term("a", Op.EQ, ("1", "2"))),
    ('a="x,y",z', Term("a", Op.EQ, ("x,y", "z"))),
    ("a='x'", Term("a", Op.EQ, ("x",))),
    ("a=%22x%22", Term("a", Op.EQ, ("x",))),
    ("a=x+y", Term("a", Op.EQ, ("x y",))),
    ("a=O%27Neill", Term("a", Op.EQ, ("O'Neill",))),
    ("a=", Term("a", Op.EQ, ("",))),
    ("a=1,", Term("a", Op.EQ, ("1", ""))),
    ("a==v", Term("a", Op.EQ, ("v",))),
    ("a=x%3Dy", Term("a", Op.EQ, ("x=y",))),
    ("a.gt=5", Term("a", Op.GT, ("5",))),
    ("a%3E5", Term("a", Op.GT, ("5",))),
    ("a>5", Term("a", Op.GT, ("5",))),
    ("a%3E=5", Term("a", Op.GTE, ("5",))),
    ("a%3E%3D5", Term("a", Op.GTE, ("5",))),
    ("a.gte=5", Term("a", Op.GTE, ("5",))),
    ("a%3C5", Term("a", Op.LT, ("5",))),
    ("a%3C%3D5", Term("a", Op.LTE, ("5",))),
    ("a.ne=5", Term("a", Op.NE, ("5",))),
    ("a!=5", Term("a", Op.NE, ("5",))),
    ("a.regex=^x,y", Term("a", Op.REGEX, ("^x,y",))),
    ("a*=x.*", Term("a", Op.REGEX, ("x.*",))),
    ("%40type=X", Term("@type", Op.EQ, ("X",))),
]


@pytest.mark.parametrize(("text", "term"), ONE_TERM)
def test_terms(text: str, term: Term) -> None:
    assert query.parse(text).terms == (term,)


def test_comparisons_of_one_path_are_all_to_hold() -> None:
    terms = query.parse("a.gte=1&a.lt=5&b=2").terms
    assert terms == (Term("a", Op.GTE, ("1",)), Term("a", Op.LT, ("5",)), Term("b", Op.EQ, ("2",)))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", None),
        ("fields=", None),
        ("fields=none", frozenset()),
        ("fields=a,b", {"a", "b"}),
        ("fields=a&fields=b", {"a", "b"}),
        ('fields="a, b.c"', {"a", "b.c"}),
    ],
)
def test_fields(text: str, fields: frozenset[str] | None) -> None:
    assert query.parse(text).fields == fields


def test_paging_and_sort() -> None:
    asked = query.parse("offset=20&limit=10&sort=-a,+b.c,d")
    assert (asked.offset, asked.limit) == (20, 10)
    assert asked.sort == (("a", True), ("b.c", False), ("d", False))
    assert query.parse("limit=999999").limit == query.MAX_LIMIT


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("offset=" + "9" * 400, "offset"),
        ("offset=٣", "offset"),
        ("limit=-1", "limit"),
        ("limit=all", "limit"),
        ("limit=", "limit"),
        ("limit%3E5", "limit"),
        ("a", "a"),
        ("a=%ff", "a=%ff"),
        ("a=%00", "a=%00"),
    ],
)
def test_refused_with_the_parameter(text: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        query.parse(text)
    assert caught.value.path == path


def test_a_bounded_number_of_values() -> None:
    with pytest.raises(Invalid, match="more than"):
        query.parse("a=" + ",".join("x" * 101))


def test_picked_attributes_reach_into_arrays() -> None:
    body = {"id": "1", "href": "h", "a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}, 3], "g": 4}
    assert query.pick(body, frozenset({"a.b", "d.e"})) == {
        "id": "1", "href": "h", "a": {"b": 1}, "d": [{"e": 1}, 3]
    }  # fmt: skip
    assert query.pick(body, frozenset({"d", "d.e"}))["d"] == body["d"]
    assert query.pick(body, frozenset()) == {"id": "1", "href": "h"}


def test_what_a_link_repeats_cannot_end_it() -> None:
    text = 'size>5&name="a b"&state=%3E%22&note=é'
    links = query.links("/w", text, query.parse("limit=1"), 3)
    assert links.count("<") == links.count(">") == 3
    assert links.startswith("</w?size%3E5&name=%22a%20b%22&state=%3E%22&note=%C3%A9&offset=0")


def test_a_path_that_comes_again_decides_nothing_more() -> None:
    assert query.parse("sort=-a,b,a,-b,+a").sort == (("a", True), ("b", False))
    assert query.parse("sort=" + "a,-a," * 5000).sort == (("a", False),)


def test_links() -> None:
    asked = query.parse("state=new&offset=10&limit=5")
    links = query.links("/w", "state=new&offset=10&limit=5", asked, 23)
    assert links == (
        '</w?state=new&offset=0&limit=5>; rel="first", </w?state=new&offset=5&limit=5>; rel="prev"'
        ', </w?state=new&offset=15&limit=5>; rel="next", </w?state=new&offset=20&limit=5>; '
        'rel="last"'
    )
