"""Delivery receipts: what a deliver_sm tells of a message.

SMPP 3.4, sections 5.2.28 and 5.3.2.35 (message_state), and Appendix B for the form as text.
"""

import re

from trunkline.messaging.model import Receipt, ReceiptState
from trunkline.messaging.smpp.pdu import Delivered, Malformed, Tag

_STATES = {1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD",
           7: "UNKNOWN", 8: "REJECTD"}  # fmt: skip
_MEANING = {
    "DELIVRD": ReceiptState.DELIVERED,
    "EXPIRED": ReceiptState.FAILED,
    "DELETED": ReceiptState.FAILED,
    "UNDELIV": ReceiptState.FAILED,
    "REJECTD": ReceiptState.FAILED,
}
"""All else (on its way, accepted, unknown) leaves it under way."""
_FIELD = re.compile(r"\b(id|stat|err):\s*(\S+)", re.IGNORECASE)


def receipt_of(said: Delivered) -> Receipt:
    """The optional parameters count, where they are given, else the text. Raises `Malformed`
    for what names no message or no state."""
    fields = {name.lower(): value for name, value in _FIELD.findall(said.text.decode("latin-1"))}
    named = said.options.get(Tag.RECEIPTED_MESSAGE_ID)
    reference = fields.get("id", "") if named is None else named.rstrip(b"\0").decode("latin-1")
    state = said.options.get(Tag.MESSAGE_STATE)
    word = fields.get("stat", "").upper() if not state else _STATES.get(state[0], "UNKNOWN")
    if not 1 <= len(reference) <= 65 or not word:
        raise Malformed("a receipt without its message or state")
    error = fields.get("err", "").strip("0")
    return Receipt(
        reference=reference,
        state=_MEANING.get(word, ReceiptState.UNDERWAY),
        reason=f"{word[:20]}, error {error[:20]}" if error else word[:20],
    )
