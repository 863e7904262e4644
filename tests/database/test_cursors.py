"""Cursors hold what the columns of an order can be compared with, and nothing else."""

import base64
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Identity,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    Time,
    Uuid,
)

from daybook.database.projection import decode_cursor, encode_cursor
from daybook.database.projection.cursor import key_adapter
from daybook.errors import InvalidCursor
from tests.database.projection_models import Size, Word, word

KEY = ["2026-11-22", "0192f0c1-7c3a-7def-8abc-0123456789ab"]
OF_A_CLIENT = "WyIyMDI2LTExLTIyIiwiMDE5MmYwYzEtN2MzYS03ZGVmLThhYmMtMDEyMzQ1Njc4OWFiIl0"


def cursor_of(key: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def adapter(*types: Any) -> TypeAdapter[tuple[Any, ...]]:
    return key_adapter([Column(f"column_{number}", kind) for number, kind in enumerate(types)])


def test_cursors_that_clients_hold_stay_good() -> None:
    key = decode_cursor(OF_A_CLIENT, adapter(Date, Uuid))
    assert key == (date(2026, 11, 22), UUID(KEY[1]))
    assert encode_cursor(*key) == OF_A_CLIENT


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    BigInteger(): st.integers(-(2**63), 2**63 - 1),
    Integer(): st.integers(-(2**31), 2**31 - 1),
    SmallInteger(): st.integers(-(2**15), 2**15 - 1),
    Text(): st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    Uuid(): st.uuids(),
    Date(): st.dates(),
    Time(): st.times(),
    DateTime(timezone=True): st.datetimes(timezones=st.just(UTC)),
    DateTime(): st.datetimes(),
    Double(): st.floats(allow_nan=False, allow_infinity=False),
    Numeric(): st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9),
    Boolean(): st.booleans(),
    word(): st.sampled_from(Word),
}


@given(st.tuples(*VALUES.values()))
def test_a_key_comes_back_as_it_was(key: tuple[Any, ...]) -> None:
    assert decode_cursor(encode_cursor(*key), adapter(*VALUES)) == key


def test_labels_become_members() -> None:
    labels = decode_cursor(cursor_of(["SMALL", "green", "b"]), adapter(Enum(Size), word(), Enum("a", "b")))
    assert labels == (Size.SMALL, Word.GREEN, "b")


def test_a_moment_is_compared_in_utc() -> None:
    moment = datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=9)))
    [decoded] = decode_cursor(encode_cursor(moment), adapter(DateTime(timezone=True)))
    assert decoded == moment
    assert decoded.tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (BigInteger(), 2**63),
        (Integer(), 2**31),
        (SmallInteger(), -(2**15) - 1),
        (Integer(), "1"),
        (Integer(), True),
        (Integer(), 1.5),
        (Integer(), None),
        (Text(), "a\0"),
        (Text(), 1),
        (Uuid(), "0192f0c1"),
        (Date(), "2026-02-30"),
        (Date(), 0),
        (DateTime(timezone=True), "2026-11-22T09:00:00"),
        (DateTime(timezone=True), "0001-01-01T00:00:00+14:00"),
        (DateTime(), "2026-11-22T09:00:00Z"),
        (Time(), "25:00"),
        (Double(), "NaN"),
        (Double(), "1"),
        (Numeric(), "NaN"),
        (Numeric(), "1e100000"),
        (Boolean(), 1),
        (word(), "blue"),
        (Enum(Size), "it's small"),
    ],
)
def test_what_a_column_cannot_be_compared_with(kind: Any, value: object) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor_of([value]), adapter(kind))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "é",
        cursor_of({}),
        cursor_of([]),
        cursor_of([1, 2]),
        cursor_of("1"),
        base64.urlsafe_b64encode(b"[1e999]").decode(),
        base64.urlsafe_b64encode(b"[NaN]").decode(),
        base64.urlsafe_b64encode(b'["\\ud800"]').decode(),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
    ],
)
@pytest.mark.parametrize("kind", [Double(), Text()])
def test_what_no_list_gave(cursor: str, kind: Any) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, adapter(kind))


def test_an_id_that_the_database_gives_begins_at_1() -> None:
    ids = key_adapter([Column("id", BigInteger, Identity(always=True))])
    assert decode_cursor(encode_cursor(1), ids) == (1,)
    with pytest.raises(InvalidCursor):
        decode_cursor(encode_cursor(0), ids)


def test_a_decimal_keeps_its_digits() -> None:
    [decoded] = decode_cursor(encode_cursor(Decimal("0.10")), adapter(Numeric(12, 2)))
    assert str(decoded) == "0.10"
