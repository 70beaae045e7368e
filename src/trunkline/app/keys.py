"""Where the keys of vouchers are kept: in the settings, or in a file that is made when one is
first needed; and the rules of vouchers, from the settings."""

import os
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path

from trunkline.platform.settings_vouchers import VoucherSettings
from trunkline.vouchers import VoucherKeys, VoucherRules


def voucher_keys(settings: VoucherSettings) -> Callable[[], VoucherKeys]:
    """Gives the keys, when they are asked for. Raises `InvalidVoucherKey` then for what are
    none."""

    @cache
    def found() -> VoucherKeys:
        return VoucherKeys.of(settings.keys or _kept(Path(settings.key_file)))

    return found


def voucher_rules(settings: VoucherSettings) -> VoucherRules:
    return VoucherRules(
        four_eyes=settings.four_eyes,
        tells=frozenset(settings.tell),
        free_tries=settings.free_tries,
        free_for_all=settings.free_tries_of_a_caller,
    )


def _kept(file: Path) -> list[str]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        text = _made(file)
    return text.split()


def _made(file: Path) -> str:
    """A new key in the file, or the one that another process was quicker to make."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"{secrets.token_hex(32)}\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        file.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    _persist(file.parent)
    return file.read_text()


def _persist(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
