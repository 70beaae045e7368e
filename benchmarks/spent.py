"""What processes spend, by the kernel's own accounts (/proc)."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NAME_ENDS = ") "


def family(pid: int) -> list[int]:
    """This process and all below it."""
    found = [pid]
    for each in found:
        children = Path(f"/proc/{each}/task/{each}/children")
        if children.exists():
            found += map(int, children.read_text().split())
    return found


def cpu(pids: Iterable[int]) -> float:
    """Seconds of processor time, user's and system's, that these have taken so far; with those
    that their ended children took."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(_NAME_ENDS)[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def resident(pid: int) -> int:
    """Octets of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
