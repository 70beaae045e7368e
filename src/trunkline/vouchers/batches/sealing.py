"""The file in which codes go to the printer, sealed so that only the printer can read it.

From a passphrase comes an X25519 key (scrypt, RFC 7914), and only its public half is kept: the
house seals, piece by piece as codes are drawn, and can't open what it sealed. Each piece has a
key of its own (an ephemeral X25519 key, HKDF-SHA256) for AES-256-GCM, bound to its batch, its
place and the number of pieces, so that none can be left out, exchanged or altered.

The file is lines of JSON: what it is, then the pieces. `docs/operating/vouchers.md` has its form.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from trunkline.kernel.errors import Invalid
from trunkline.vouchers.batches.codes import grouped

FORMAT = "trunkline-vouchers-1"
SHORTEST = 16
"""Characters of a passphrase."""
LONGEST = 1000
SALT = 16
"""Bytes."""
_COST = 2**15
_BLOCK = 8
# A key seals one piece only, so that its nonce may be the same.
_NONCE = bytes(12)


Line = TypeVar("Line", "_Head", "_Piece")


class InvalidPassphrase(Invalid):
    code = "invalidPassphrase"


class Unreadable(Invalid):
    """Not such a file, cut short, altered, or another passphrase's."""

    code = "sealUnreadable"


class Seal(msgspec.Struct, frozen=True):
    """What sealing needs: nothing of it opens anything."""

    salt: bytes
    public: bytes


class _Head(msgspec.Struct, frozen=True):
    format: str
    batch: str
    pieces: int
    salt: str
    key: str


class _Piece(msgspec.Struct, frozen=True):
    piece: int
    key: str
    sealed: str


def seal_of(passphrase: str, salt: bytes) -> Seal:
    """Raises `InvalidPassphrase` for one that is too short to withstand guessing."""
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise InvalidPassphrase(f"has {SHORTEST} to {LONGEST} characters", path="passphrase")
    return Seal(salt, _private(passphrase, salt).public_key().public_bytes_raw())


def head(batch: str, pieces: int, seal: Seal) -> bytes:
    """The file's first line."""
    return _line(_Head(FORMAT, str(batch), pieces, _text(seal.salt), _text(seal.public)))


def piece(
    batch: str, pieces: int, number: int, seal: Seal, codes: Iterable[tuple[int, str]]
) -> bytes:
    """One line of the file: (serial number, code), as they are printed. `number` counts from
    zero."""
    table = "".join(f"{serial},{grouped(code)}\n" for serial, code in codes).encode()
    one = X25519PrivateKey.generate()
    known = one.public_key().public_bytes_raw()
    shared = one.exchange(X25519PublicKey.from_public_bytes(seal.public))
    sealed = AESGCM(_key(shared, known, seal.public)).encrypt(
        _NONCE, table, _about(batch, pieces, number)
    )
    return _line(_Piece(number, _text(known), _text(sealed)))


def unseal(lines: Iterable[bytes], passphrase: str) -> Iterator[tuple[int, str]]:
    """(serial number, code) of a whole file. Raises `Unreadable`, with the line."""
    rest = iter(lines)
    begun = _read(next(rest, b""), _Head, 1)
    if begun.format != FORMAT:
        raise Unreadable("is not a file of sealed vouchers", path="line 1")
    private = _private(passphrase, _bytes(begun.salt, 1))
    public = private.public_key().public_bytes_raw()
    if public != _bytes(begun.key, 1):
        raise Unreadable("was sealed with another passphrase", path="line 1")
    number = -1
    for number, line in enumerate(rest):
        read = _read(line, _Piece, number + 2)
        known = _bytes(read.key, number + 2)
        try:
            shared = private.exchange(X25519PublicKey.from_public_bytes(known))
            table = AESGCM(_key(shared, known, public)).decrypt(
                _NONCE, _bytes(read.sealed, number + 2), _about(begun.batch, begun.pieces, number)
            )
        except (InvalidTag, ValueError):
            raise Unreadable(
                "was altered, or is out of its place", path=f"line {number + 2}"
            ) from None
        for row in table.decode().splitlines():
            serial, _, code = row.partition(",")
            yield int(serial), code
    if number + 1 != begun.pieces:
        raise Unreadable(f"ends after {number + 1} of {begun.pieces} pieces")


def _private(passphrase: str, salt: bytes) -> X25519PrivateKey:
    derived = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=1).derive(passphrase.encode())
    return X25519PrivateKey.from_private_bytes(derived)


def _key(shared: bytes, one: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=one + public, info=FORMAT.encode()).derive(shared)


def _about(batch: str, pieces: int, number: int) -> bytes:
    return f"{batch} {number}/{pieces}".encode()


def _line(value: _Head | _Piece) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str, line: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable("is not base64", path=f"line {line}") from None


def _read(line: bytes, kind: type[Line], number: int) -> Line:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        raise Unreadable("is not a file of sealed vouchers", path=f"line {number}") from None
