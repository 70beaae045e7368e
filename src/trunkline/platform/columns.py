"""Column types that all stores share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from trunkline.kernel.time import from_micros, to_micros
from trunkline.platform.messages import encode_id

_json_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=encode_id)
_json_decoder = msgspec.json.Decoder(float_hook=Decimal)


def encode_json(value: object) -> str:
    """JSON text; decimals become numbers with their own digits."""
    return _json_encoder.encode(value).decode()


def decode_json(text: str | bytes) -> Any:
    """The inverse: numbers with a fraction become `Decimal`, so that prices survive."""
    return _json_decoder.decode(text)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Json(TypeDecorator[Any]):
    """Any value that msgspec encodes; read back as plain dicts, lists, strings, ints, bools and
    `Decimal`s. None is NULL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return encode_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return decode_json(value)
