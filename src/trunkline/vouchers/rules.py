"""What an operator may decide of vouchers. Pure."""

import msgspec

FREE_TRIES = 5
"""Wrong codes of one account, customer or requestor before they are refused for a while."""
FREE_FOR_ALL = 200
"""The same of one caller over all that it serves: a kiosk, an app."""


class VoucherRules(msgspec.Struct, frozen=True, kw_only=True):
    """With `four_eyes` a batch is asked for by one and approved by another, and who asked for it
    sells nothing of it. `tells` are the findings that whoever typed a code hears of; of all
    others they hear that it can't be redeemed."""

    four_eyes: bool = True
    tells: frozenset[str] = frozenset({"expired", "own"})
    free_tries: int = FREE_TRIES
    free_for_all: int = FREE_FOR_ALL
