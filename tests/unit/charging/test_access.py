"""The serving network in P-Access-Network-Info (RFC 7315; TS 24.229, 7.2A.4)."""

import pytest

from trunkline.charging import network_of_access


@pytest.mark.parametrize(
    ("header", "network"),
    [
        ("3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11", "23415"),  # RFC 7315's: 4 and 4
        ("3GPP-UTRAN-FDD;utran-cell-id-3gpp=2341512340abcdef", "23415"),
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=310410ABCD0012345", "310410"),
        ('3GPP-E-UTRAN-TDD;utran-cell-id-3gpp="26201abcd0012345"', "26201"),
        ("3GPP-NR-FDD;utran-cell-id-3gpp=26201a1b2c3001234567", "26201"),
        ("3GPP-NR-TDD; UTRAN-CELL-ID-3GPP = 310410a1b2c3001234567", "310410"),
        ("3GPP-GERAN; cgi-3gpp=2080100010002", "20801"),
        ("3GPP-GERAN; cgi-3gpp=31041000010002", "310410"),
        ("3GPP-UTRAN; utran-sai-3gpp=2080100010002", "20801"),
        ("IEEE-802.11a; i-wlan-node-id=aabbccddeeff", ""),
        ("3GPP2-1X; ci-3gpp2=1234123412341234123412341234", ""),
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=2620", ""),
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26f01abcd0012345", ""),
        ("3GPP-E-UTRAN-FDD", ""),
        ("", ""),
    ],
)
def test_the_network_of_a_cell(header: str, network: str) -> None:
    assert network_of_access(header) == network


def test_what_the_network_says_goes_before_what_the_terminal_says() -> None:
    wifi = "IEEE-802.11;i-wlan-node-id=aabbccddeeff"
    terminal = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=20801abcd0012345"
    network = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=26201abcd0012345;network-provided"
    assert network_of_access(f"{wifi},{terminal},{network}") == "26201"
    assert network_of_access(f"{wifi}, {terminal}") == "20801"
