"""The families of errors that an operation may raise, without any transport's codes.

The edges own one table each from a family to their own form (an HTTP status, a Diameter
Result-Code, an exit code). The concrete errors stand beside what raises them: they subclass
a family and set `code`, which is stable and meant for programs; the message is for people.
"""

from typing import ClassVar


class TrunklineError(Exception):
    """A refusal that its receiver can act on.

    `path` names the place in the input that is at fault (`productOrderItem[0].quantity`,
    `line 17`), where there is one; `fields` carries the facts as a program reads them.
    """

    code: ClassVar[str] = "error"

    def __init__(self, reason: str, *, path: str | None = None, **fields: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class Invalid(TrunklineError):
    """The input is malformed, or contradicts itself."""

    code = "invalid"


class NotFound(TrunklineError):
    """What the input names does not exist."""

    code = "notFound"


class Conflict(TrunklineError):
    """The present state forbids it: a transition that the lifecycle lacks, a lost update."""

    code = "conflict"


class Refused(TrunklineError):
    """Well formed and possible, but a business rule says no."""

    code = "refused"


class Forbidden(TrunklineError):
    """The caller may not do this."""

    code = "forbidden"


class Unavailable(TrunklineError):
    """Something needed is away for now; the same call may succeed later."""

    code = "unavailable"
