"""What kind of statement it is: the same for every value it is run with, and judged once for all of its runs."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.sql.compiler import SQLCompiler

from daybook.tracing.cascade import Cascade, joined_relationships, mapping_joins

_VALUES = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<quoted> "(?:[^"]|"")*" )
    | '(?:[^']|'')*'                            # a string
    | \$\d+ (?: :: [A-Za-z_]+ )?                # a parameter
    | (?<![\w$]) \d+ (?:\.\d+)? (?!\w)          # a number
    """,
    re.VERBOSE | re.DOTALL,
)
_LISTS = re.compile(r"\?(?:\s*,\s*\?)+")
_WHAT = re.compile(
    r"""^ \W* (?:with\b .*? \) \s+ (?=select|insert|update|delete))? (\w+)
        (?: .*? \b (?:from|into|update|table) \s+ ("?[\w.]+"?) )?""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_UPDATE = re.compile(r"^\W*update\s+(?:only\s+)?(\"?[\w.]+\"?)", re.IGNORECASE)
_READS = frozenset({"select", "values", "show", "table"})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A statement without its values."""

    fingerprint: str
    name: str
    """The verb and the first table, for a reader: SELECT users."""
    writes: bool
    batch: bool
    """It takes a list of any length (an expanding IN), so that several of it are chunks of one whole."""
    cascade: Cascade | None = None
    joined: tuple[RelationshipProperty[Any], ...] = ()
    """The relationships that it loads by JOIN, whoever asked for it."""


_compiled_shapes: WeakKeyDictionary[Compiled, Shape] = WeakKeyDictionary()


def shape_of(sql: str, compiled: Compiled | None) -> Shape:
    """Return the shape of a statement that SQLAlchemy compiled, or of the driver's SQL text."""
    if not isinstance(compiled, SQLCompiler) or isinstance(compiled.statement, TextClause):
        return shape_of_text(sql)
    shape = _compiled_shapes.get(compiled)
    if shape is None:
        shape = _compiled_shapes[compiled] = _judge(compiled)
    return shape


def _judge(compiled: SQLCompiler) -> Shape:
    text = compiled.string
    batch = any(bind.expanding for bind in compiled.binds.values())
    name = name_of(text)
    return Shape(text, name, _writes(name), batch, mapping_joins(compiled), joined_relationships(compiled))


@lru_cache(maxsize=1000)
def shape_of_text(sql: str) -> Shape:
    """Return the shape of SQL that was written by hand."""
    name = name_of(sql)
    return Shape(_LISTS.sub("?", _VALUES.sub(_blank, sql)), name, _writes(name), batch=False)


def _blank(match: re.Match[str]) -> str:
    if match["comment"]:
        return ""
    return match["quoted"] or "?"


def name_of(sql: str) -> str:
    """Return the verb of a statement and the first table it names."""
    start = sql[:2000]
    if update := _UPDATE.match(start):
        return f"UPDATE {update[1]}"
    match = _WHAT.match(start)
    if match is None:
        return "SQL"
    return f"{match[1].upper()} {match[2]}" if match[2] else match[1].upper()


def _writes(name: str) -> bool:
    return name.split(" ", 1)[0].lower() not in _READS


def identity_of(parameters: Any) -> int | None:
    """Return a number that is the same for the same parameters; None where no two runs should be compared.

    They should not when a parameter is a list: several of its kind are chunks of one whole.
    """
    try:
        return hash(parameters) if parameters is not None else None
    except TypeError:
        if isinstance(parameters, list) or any(isinstance(value, list) for value in parameters):
            return None
        return hash(repr(parameters))
