"""Golden octets and bad ones: each malformation gets its own code and its Failed-AVP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Avp, Framer, Malformed


def test_golden_message() -> None:
    message = codec.message(
        d.DEVICE_WATCHDOG,
        d.BASE,
        7,
        8,
        codec.text(d.ORIGIN_HOST, "pgw.example"),
        codec.text(d.ORIGIN_REALM, "example"),
        codec.u32(d.ORIGIN_STATE_ID, 1),
        flags=d.REQUEST,
    )
    assert message.hex(" ", 4) == (
        "01000044 80000118 00000000 00000007 00000008 "
        "00000108 40000013 7067772e 6578616d 706c6500 "
        "00000128 4000000f 6578616d 706c6500 "
        "00000116 4000000c 00000001"
    )
    header = codec.header_of(message)
    assert header == codec.Header(68, d.REQUEST, d.DEVICE_WATCHDOG, d.BASE, 7, 8)
    assert [(avp.code, avp.data) for avp in codec.avps(message)] == [
        (d.ORIGIN_HOST, b"pgw.example"),
        (d.ORIGIN_REALM, b"example"),
        (d.ORIGIN_STATE_ID, b"\0\0\0\1"),
    ]


def test_golden_vendor_avp() -> None:
    octets = codec.avp(d.REPORTING_REASON, b"\0\0\0\3", d.VENDOR_3GPP)
    assert octets.hex(" ", 4) == "00000368 c0000010 000028af 00000003"
    (avp,) = codec.avps(octets, 0)
    assert avp == Avp(d.REPORTING_REASON, b"\0\0\0\3", d.VENDOR_3GPP, d.VENDOR | d.MANDATORY)


AVP = st.builds(
    Avp,
    code=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=60),
    vendor=st.sampled_from([0, 0, d.VENDOR_3GPP, 2**32 - 1]),
    flags=st.sampled_from([0, d.MANDATORY]),
)


@given(st.lists(AVP, max_size=20))
def test_what_is_encoded_is_decoded(sent: list[Avp]) -> None:
    octets = b"".join(avp.encode() for avp in sent)
    received = [
        Avp(avp.code, avp.data, avp.vendor, avp.flags & d.MANDATORY)
        for avp in codec.avps(octets, 0)
    ]
    assert received == sent
    assert b"".join(avp.encode() for avp in codec.avps(octets, 0)) == octets


@given(st.binary(max_size=200))
def test_any_octets_end_in_avps_or_a_named_error(octets: bytes) -> None:
    found = outcome(octets)
    if isinstance(found, Malformed):
        assert found.result_code in (d.INVALID_AVP_LENGTH, d.INVALID_AVP_BITS)
        assert found.failed_avp
    else:
        assert sum(len(avp.data) + 8 for avp in found) <= len(octets)


def outcome(octets: bytes) -> list[Avp] | Malformed:
    try:
        return list(codec.avps(octets, 0))
    except Malformed as error:
        return error


@pytest.mark.parametrize(
    ("octets", "result", "failed"),
    [
        # Length 7: less than its own header.
        ("0000010840000007 00000000", d.INVALID_AVP_LENGTH, "0000010840000008"),
        # Length 64: past the end. Rating-Group is shown with the four octets it should have.
        ("000001b040000040 00000001", d.INVALID_AVP_LENGTH, "000001b04000000c00000000"),
        # Vendor bit with a length of 11, which can't hold the vendor.
        ("00000368c000000b 000028af", d.INVALID_AVP_LENGTH, "00000368c0000010000028af00000000"),
        # Vendor bit, vendor 0.
        ("00000108c000000c 00000000", d.INVALID_AVP_BITS, "00000108c000000c00000000"),
        # Six octets are left where an AVP needs eight.
        ("00000108 4000", d.INVALID_AVP_LENGTH, "0000010840000008"),
    ],
)
def test_malformed_avps(octets: str, result: int, failed: str) -> None:
    with pytest.raises(Malformed) as caught:
        list(codec.avps(bytes.fromhex(octets), 0))
    assert caught.value.result_code == result
    assert caught.value.failed_avp.hex() == failed


def test_a_group_may_lack_its_last_padding() -> None:
    octets = codec.text(d.ORIGIN_HOST, "abcde")[:-3]
    (avp,) = codec.avps(octets, 0)
    assert avp.data == b"abcde"


def test_values_of_the_wrong_shape() -> None:
    with pytest.raises(Malformed) as caught:
        Avp(d.RATING_GROUP, b"\0\0\1").u32()
    assert caught.value.result_code == d.INVALID_AVP_LENGTH
    with pytest.raises(Malformed) as caught:
        Avp(d.ORIGIN_HOST, b"\xff\xfe").text()
    assert caught.value.result_code == d.INVALID_AVP_VALUE


MESSAGES = st.lists(
    st.binary(max_size=40).map(
        lambda octets: codec.message(
            d.DEVICE_WATCHDOG, d.BASE, 1, 1, codec.avp(1, octets), flags=d.REQUEST
        )
    ),
    max_size=8,
)


@given(MESSAGES, st.data())
def test_messages_come_whole_however_the_stream_is_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    framer, got = Framer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += framer.feed(stream[start:end])
    assert got == messages
    assert not framer.rejected


@given(st.lists(st.binary(max_size=120), max_size=10))
def test_no_stream_breaks_the_framer(chunks: list[bytes]) -> None:
    framer = Framer(largest=256)
    for chunk in chunks:
        for message in framer.feed(chunk):
            assert 20 <= len(message) <= 256
    for head, error in framer.rejected:
        assert len(head) == 20
        assert error.result_code in (d.UNSUPPORTED_VERSION, d.INVALID_MESSAGE_LENGTH)


def test_a_message_too_large_is_skipped_and_the_next_one_read() -> None:
    large = codec.message(d.DEVICE_WATCHDOG, d.BASE, 1, 1, codec.avp(1, bytes(400)), flags=0x80)
    small = codec.message(d.DEVICE_WATCHDOG, d.BASE, 2, 2, flags=0x80)
    framer = Framer(largest=256)
    got = [each for at in range(0, 460, 20) for each in framer.feed((large + small)[at : at + 20])]
    assert got == [small]
    ((head, error),) = framer.rejected
    assert head == large[:20]
    assert error.result_code == d.INVALID_MESSAGE_LENGTH
    assert not framer.lost


@pytest.mark.parametrize(
    ("head", "result"),
    [
        ("16030100", d.UNSUPPORTED_VERSION),  # a TLS ClientHello
        ("47455420", d.UNSUPPORTED_VERSION),  # "GET "
        ("01000000", d.INVALID_MESSAGE_LENGTH),  # a length that would never advance
        ("01000013", d.INVALID_MESSAGE_LENGTH),
    ],
)
def test_a_stream_that_can_not_be_followed_is_given_up(head: str, result: int) -> None:
    framer = Framer()
    assert framer.feed(bytes.fromhex(head) + bytes(100)) == []
    assert framer.lost
    assert [error.result_code for _, error in framer.rejected] == [result]
    assert framer.feed(codec.message(280, 0, 1, 1, flags=0x80)) == []


def test_a_length_that_is_no_multiple_of_four() -> None:
    framer = Framer()
    good = codec.message(280, 0, 1, 1, flags=0x80)
    assert framer.feed(b"\1\0\0\x16" + good[4:] + b"\0\0" + good) == [good]
    assert framer.rejected[0][1].result_code == d.INVALID_MESSAGE_LENGTH
