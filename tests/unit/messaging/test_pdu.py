"""PDUs against an independent codec, and what is none."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import smpp

from tests.unit.messaging.centre import Numbers
from trunkline.messaging import ReceiptState
from trunkline.messaging.smpp import pdu
from trunkline.messaging.smpp.pdu import Address, Command, Malformed, Pdu, Status
from trunkline.messaging.smpp.receipts import receipt_of


def test_a_submission_is_read_by_others() -> None:
    ours = pdu.submit_sm(
        7, source=Address.of("TestMobile"), destination=Address.of("+353850000001"), coding=8,
        header=b"\x05\x00\x03\x01\x02\x01", text="ж".encode("utf-16-be"), reference=515,
        receipt=True,
    )  # fmt: skip
    theirs = smpp.parse_pdu(ours.encoded(), client=Numbers())
    assert (theirs.command, theirs.sequence, theirs.status) == ("submit_sm", 7, 0)
    assert (theirs.source_addr_ton, theirs.source_addr) == (5, b"TestMobile")
    assert (theirs.dest_addr_ton, theirs.dest_addr_npi) == (1, 1)
    assert theirs.destination_addr == b"353850000001"
    assert (theirs.esm_class, theirs.registered_delivery, theirs.data_coding) == (0x40, 1, 8)
    assert theirs.short_message == b"\x05\x00\x03\x01\x02\x01\x046"
    assert theirs.user_message_reference == 515


def test_a_bind_is_read_by_others() -> None:
    ours = pdu.bind_transceiver(1, system_id="trunk", password="secret", system_type="VMA")
    theirs = smpp.parse_pdu(ours.encoded(), client=Numbers())
    assert (theirs.command, theirs.system_id, theirs.password) == (
        "bind_transceiver", b"trunk", b"secret")  # fmt: skip
    assert (theirs.system_type, theirs.interface_version) == (b"VMA", 0x34)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("+353850000001", Address(1, 1, "353850000001")),
        ("50123", Address(0, 1, "50123")),
        ("Trunkline Mobile", Address(5, 0, "Trunkline M")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.of(text) == address


def receipt_pdu(text: bytes, options: bytes = b"", esm_class: int = 4) -> Pdu:
    body = (
        b"\0\x01\x01353850000001\0\0\x0150123\0" + bytes([esm_class, 0, 0]) + b"\0\0"
        + bytes([0, 0, 0, 0, len(text)]) + text + options
    )  # fmt: skip
    return Pdu(Command.DELIVER_SM, Status.OK, 1, body)


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVRD", ReceiptState.DELIVERED),
        ("EXPIRED", ReceiptState.FAILED),
        ("UNDELIV", ReceiptState.FAILED),
        ("REJECTD", ReceiptState.FAILED),
        ("DELETED", ReceiptState.FAILED),
        ("ENROUTE", ReceiptState.UNDERWAY),
        ("ACCEPTD", ReceiptState.UNDERWAY),
        ("UNKNOWN", ReceiptState.UNDERWAY),
    ],
)
def test_receipts_as_text(stat: str, state: ReceiptState) -> None:
    said = pdu.delivered(receipt_pdu(f"id:00A1 sub:001 stat:{stat} err:017 text:".encode()))
    assert said.is_receipt
    receipt = receipt_of(said)
    assert (receipt.reference, receipt.state) == ("00A1", state)
    assert receipt.reason == f"{stat}, error 17"


def test_a_receipts_parameters_count_before_its_text() -> None:
    options = struct.pack(">HH3sHHB", 0x001E, 3, b"a2\0", 0x0427, 1, 2)
    receipt = receipt_of(pdu.delivered(receipt_pdu(b"id:a1 stat:UNDELIV err:000", options)))
    assert (receipt.reference, receipt.state) == ("a2", ReceiptState.DELIVERED)


def test_a_message_from_a_person_is_no_receipt() -> None:
    said = pdu.delivered(receipt_pdu(b"STOP", esm_class=0))
    assert not said.is_receipt
    assert (str(said.source), said.text) == ("+353850000001", b"STOP")
    payload = struct.pack(">HH5s", 0x0424, 5, b"HELLO")
    assert pdu.delivered(receipt_pdu(b"", payload, esm_class=0)).text == b"HELLO"


@pytest.mark.parametrize("text", [b"", b"stat:DELIVRD", b"id:1", b"id:" + b"9" * 80 + b" stat:X"])
def test_receipts_that_say_nothing(text: bytes) -> None:
    with pytest.raises(Malformed):
        receipt_of(pdu.delivered(receipt_pdu(text)))


@pytest.mark.parametrize("length", [0, 15, 70_000, 0xFFFFFFFF])
def test_lengths_that_are_none(length: int) -> None:
    with pytest.raises(Malformed):
        pdu.length_of(struct.pack(">I", length))


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(octets: bytes) -> None:
    whole = Pdu(Command.DELIVER_SM, 0, 1, octets)
    assert pdu.decode(whole.encoded()) == whole
    for read in (pdu.delivered, pdu.message_id):
        try:
            read(whole)
        except Malformed:
            continue
    with pytest.raises(Malformed):
        pdu.decode(whole.encoded() + b"x")
