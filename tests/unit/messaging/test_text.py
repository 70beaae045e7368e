"""Text in short messages: alphabets, parts, headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import consts, gsm

from trunkline.messaging.smpp.text import GSM, UCS2, Segment, decoded, headed, segments


def test_plain_text_is_one_part() -> None:
    assert segments("Hello @ [€]") == [Segment(GSM, b"Hello \x00 \x1b\x3c\x1b\x65\x1b\x3e")]
    assert segments("") == [Segment(GSM, b"")]


def test_typography_is_made_plain_where_that_saves_a_part() -> None:
    assert segments("It\u2019s 12,50\u00a0€ \u2013 \u201cnow\u201d\r\n") == segments(
        'It\'s 12,50 € - "now"\n'
    )


def test_other_scripts_are_ucs2() -> None:
    (part,) = segments("Dzień dobry")
    assert (part.coding, part.octets.decode("utf-16-be")) == (UCS2, "Dzień dobry")


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        # An escaped character is two: it isn't torn apart.
        ("€" * 80, [160]),
        ("€" * 81, [152, 10]),
        ("ж" * 70, [140]),
        ("ж" * 71, [134, 8]),
        ("😀" * 35, [140]),
        ("😀" * 36, [132, 12]),
    ],
)
def test_lengths(text: str, lengths: list[int]) -> None:
    assert [len(each.octets) for each in segments(text)] == lengths


def test_headers() -> None:
    parts = segments("a" * 400)
    assert [header for header, _ in headed(parts, 0x7F)] == [
        b"\x05\x00\x03\x7f\x03\x01", b"\x05\x00\x03\x7f\x03\x02", b"\x05\x00\x03\x7f\x03\x03"
    ]  # fmt: skip
    assert headed(parts[:1], 5) == [(b"", parts[0])]


@given(st.text(st.characters(codec="utf-8"), max_size=800))
def test_what_was_said_is_read(text: str) -> None:
    parts = segments(text)
    assert {each.coding for each in parts} <= {GSM, UCS2}
    whole = "".join(decoded(each.octets, each.coding) for each in parts)
    if parts[0].coding == UCS2:
        assert whole == text.replace("\r", "")
    else:
        assert [Segment(each.coding, each.octets) for each in segments(whole)] == parts
    limit = (140 if len(parts) == 1 else 134) if parts[0].coding == UCS2 else 160
    assert all(len(each.octets) <= limit for each in parts)


@given(st.text("@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !#%&()*+,-./019:;<=>?¡AZÄÖÑÜ¿azäöñüà{}[]~|^€\\"))
def test_the_alphabet_is_that_of_an_independent_codec(text: str) -> None:
    encoded, coding, _ = gsm.make_parts(text[:70], consts.SMPP_ENCODING_DEFAULT)
    (part,) = segments(text[:70])
    assert (part.coding, part.octets) == (coding, encoded[0])
