import pytest

from trunkline.inventory import Iccid, Imsi, Msisdn, NotANumber
from trunkline.inventory.numbering import luhn_digit


def test_a_number_loses_its_plus_and_its_spacing() -> None:
    assert Msisdn.parse("+49 (151) 123-45678") == "4915112345678"


@pytest.mark.parametrize(
    "text", ["", "0151234567", "+", "1234", "1234567890123456", "49x", "49151\n", "٤٩١٥١٢٣"]
)
def test_what_is_no_international_number_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(NotANumber) as refused:
        Msisdn.parse(text, path="value")
    assert refused.value.path == "value"


def test_the_check_digit_of_the_luhn_algorithm() -> None:
    assert luhn_digit("7992739871") == "3"


def test_an_iccid_carries_its_check_digit() -> None:
    iccid = Iccid.of("8949022000001234567")
    assert Iccid.parse(iccid) == iccid
    wrong = iccid[:-1] + str((int(iccid[-1]) + 1) % 10)
    with pytest.raises(NotANumber, match=f"check digit is {iccid[-1]}"):
        Iccid.parse(wrong)


@pytest.mark.parametrize("text", ["", "8849022000001234567", "89490", "8949022000001234567890"])
def test_what_is_no_iccid_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        Iccid.parse(text)


@pytest.mark.parametrize("text", ["", "1234", "0010100000000001", "00101x"])
def test_what_is_no_imsi_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        Imsi.parse(text)


def test_an_imsi_keeps_its_leading_zeros() -> None:
    assert Imsi.parse("001010000000001") == "001010000000001"
