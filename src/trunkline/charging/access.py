"""The serving network, in SIP's P-Access-Network-Info (RFC 7315, 5.4; 3GPP TS 24.229, 7.2A.4)."""

import re

_CELL = re.compile(r"(?:cgi-3gpp|utran-cell-id-3gpp|utran-sai-3gpp)\s*=\s*\"?([0-9a-f]+)")
_WITHOUT_PLACE = {13: 5, 14: 6, 16: 5, 17: 6, 20: 5, 21: 6}
"""By an identity's length, how long its MCC and MNC are: after them come, in hexadecimal digits, an
area and a cell, 4 and 4 (GERAN; a service area), 4 and 7 (UTRAN, E-UTRAN), 6 and 9 (NR)."""


def network_of_access(header: str) -> str:
    """MCC and MNC of the cell, five or six digits; of several values (by commas) that of the first
    that the network itself provided, or else the first that names a cell. "" where none does, as
    over Wi-Fi."""
    found = ""
    for value in header.lower().split(","):
        cell = _CELL.search(value)
        size = 0 if cell is None else _WITHOUT_PLACE.get(len(cell[1]), 0)
        if cell is None or not size or not cell[1][:size].isdigit():
            continue
        network = cell[1][:size]
        if "network-provided" in value:
            return network
        found = found or network
    return found
