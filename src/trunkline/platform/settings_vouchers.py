"""Settings of vouchers."""

from typing import Annotated, Literal

from msgspec import Meta

from trunkline.platform.section import Section


class VoucherSettings(Section, frozen=True):
    """Under which keys vouchers' codes are hashed. They are in no database: who has a copy of
    one can't try codes against it. Without them no voucher can be redeemed any more."""

    keys: Annotated[
        tuple[str, ...],
        Meta(
            description="Of 64 hexadecimal digits, the first for new vouchers, older ones behind "
            "it; better set by TRUNKLINE_VOUCHERS_KEYS. Empty: those in the file"
        ),
    ] = ()
    key_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="The same, one a line. Made with the first voucher; the same on every "
            "machine, and kept as well as the databases, but not beside their copies",
        ),
    ] = "var/vouchers.key"
    four_eyes: Annotated[
        bool,
        Meta(
            description="A batch is asked for by one and approved by another, and who asked for "
            "it sells nothing of it"
        ),
    ] = True
    tell: Annotated[
        tuple[Literal["expired", "own", "redeemed", "stopped"], ...],
        Meta(
            description="What whoever typed a code hears of it; of all else they hear that it "
            "can't be redeemed. own: that this account itself has redeemed it"
        ),
    ] = ("expired", "own")
    free_tries: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Wrong codes of an account, a customer or a requestor within a day until "
            "they are refused for growing periods",
        ),
    ] = 5
    free_tries_of_a_caller: Annotated[
        int, Meta(ge=1, description="The same of one key or app over all that it serves")
    ] = 200
