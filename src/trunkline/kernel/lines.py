"""Lines of files that others have written: text in UTF-8, fields between commas (RFC 4180)."""

import csv

from trunkline.kernel.errors import Invalid

_MARK = "\ufeff"
"""What some programs write before a file's first line, to say that it is UTF-8."""


def text_of(line: bytes | str, *, first: bool = False) -> str:
    """The line as text; the `first` of a file may begin with its mark. Raises `Invalid`, which
    names the byte."""
    try:
        text = line if isinstance(line, str) else line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"byte {error.start + 1} is not UTF-8") from None
    return text.removeprefix(_MARK) if first else text


def fields_of(line: bytes | str, *, first: bool = False) -> list[str]:
    """The fields of a record that is one line; none of a blank one. Raises `Invalid`."""
    text = text_of(line, first=first)
    if not text.strip():
        return []
    try:
        return next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise Invalid(f"is no CSV record: {error}") from None
