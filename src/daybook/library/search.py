"""Searching the library: what is stored with each link to be searched, and how a query is matched.

Both are folded in the same way, so that a search asks: does the text contain this word? A word of a-z and digits is
matched by its beginning (`ai` is not to find every e-mail), any other anywhere, because Korean writes compounds and
particles without spaces. LIKE decides. Which links it is asked of is up to a GIN index on short pieces of words, or to
the order of the list, for words that the index cannot tell apart or that are everywhere.
docs/decisions/0005-search.md has the figures.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Text,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from daybook.database.compiled import CompiledStatement
from daybook.database.executor import Executor
from daybook.library.models import Content
from daybook.library.pieces import pieces
from daybook.tags.models import ContentTag, Tag
from daybook.tags.names import folded, tag_key

SEARCHED_LENGTH = 20_000
"""Characters of a link's folded title, description and note that are searched. A folded text is longer than the text
only by spaces, unless it has ligatures and the like: one character can be folded to 18."""
MOST_TERMS = 5_000
"""Distinct index terms of a link, whose text is not searched beyond. 10,000 characters of Korean have some 4,000."""
MAX_LENGTH = 200
"""Characters of a search."""
MAX_WORDS = 10
"""Words of a search; further ones are ignored."""
MANY = 500
"""From so many hits on, it is faster to read the newest links until a page is full."""

_ASCII_WORD = re.compile(" ?([0-9a-z]+)")
_RUN = re.compile(r"[0-9a-z]+|[^\W_0-9a-z]+")
_PREFIXES = (2, 4)
"""The lengths of the terms of an a-z word."""
_AROUND_WORDS = "\"'`“”‘’«»()[]{}<>「」『』《》〈〉【】,.;:!?·…、。~-–—_|/&*"


def search_text(title: str, description: str | None, note: str | None) -> str:
    """Return the text that is searched: the fields, folded, one per line, as far as SEARCHED_LENGTH and MOST_TERMS."""
    text = "\n".join(_searched(field) for field in (title, description, note) if field)[:SEARCHED_LENGTH]
    return text if len(text) <= MOST_TERMS else text[: _end(text)]


def index_terms(user_id: int, text: str) -> list[str]:
    """Return the distinct index terms of a `search_text` of this user.

    The user is part of every term, so that the index answers for one user without reading the rows of others.
    """
    return [f"{user_id}:{term}" for term in dict.fromkeys(_terms(text))]


def _searched(field: str) -> str:
    """Fold a field as far as it can be within SEARCHED_LENGTH."""
    texts: list[str] = []
    length = 0
    for piece in pieces(field):
        texts.append(folded(piece))
        length += len(texts[-1])
        if length > SEARCHED_LENGTH:
            break
    return _split_words(" ".join("".join(texts).split()))


def _end(text: str) -> int:
    """Return how far a text goes until it has more than MOST_TERMS distinct terms."""
    seen: set[str] = set()
    for run in _RUN.finditer(text):
        room = MOST_TERMS - len(seen)
        seen.update(_terms(run[0]))
        if len(seen) > MOST_TERMS:
            return run.start() + room + 1  # a run has fewer terms than characters
    return len(text)


def _split_words(text: str) -> str:
    """Put a space before each a-z word, also after punctuation or Hangul: LIKE finds beginnings of words by it."""
    return _ASCII_WORD.sub(r" \1", text)


def _terms(text: str) -> Iterator[str]:
    """Yield beginnings of a-z words and pairs of neighbors in others: a text has the terms of each word found in it."""
    for run in _RUN.findall(text):
        if run.isascii():
            yield from (run[:length] for length in _PREFIXES if len(run) >= length)
        else:
            yield from (run[at : at + 2] for at in range(len(run) - 1))


@dataclass(frozen=True, slots=True)
class Word:
    """A word to find in the text or in the name of a tag."""

    pattern: str
    """For LIKE."""
    terms: list[str]
    """For the index; empty for a single syllable or letter."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search for the links of a user that have all of these words, each anywhere."""

    user_id: int
    words: list[Word]

    def parameters(self, *, by_index: bool) -> dict[str, Any]:
        """Return the parameters of SCANNED, or `by_index` those of INDEXED for the words that have terms."""
        indexed = [word for word in self.words if by_index and word.terms]
        scanned = [word for word in self.words if word not in indexed]
        parameters: dict[str, Any] = {}
        for kind, words in (("indexed", indexed), ("scanned", scanned)):
            for number, word in enumerate(words):
                parameters[_name(kind, number, "user_id")] = self.user_id
                parameters[_name(kind, number, "pattern")] = word.pattern
        return parameters | {_name("indexed", number, "terms"): word.terms for number, word in enumerate(indexed)}


def parse(user_id: int, q: str) -> Query | None:
    """Return the search for the words of `q`, None if it has none.

    Quotes and operators have no meaning. A Korean particle at the end of a word is dropped: a text that has 김치찌개를
    has 김치찌개.
    """
    stripped = (word.strip(_AROUND_WORDS).lstrip("#") for word in tag_key(q).split())
    words = dict.fromkeys(_split_words(_without_particle(word)) for word in stripped if word)
    if not words:
        return None
    return Query(user_id, [Word(_pattern(word), index_terms(user_id, word)) for word in list(words)[:MAX_WORDS]])


def _pattern(word: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


_AFTER_CONSONANT = ("으로", "을", "은", "과")
_AFTER_VOWEL = ("를", "는", "와")
_AFTER_EITHER = ("에게서", "에서", "에게", "한테", "께서", "까지", "부터", "처럼", "보다", "마다", "하고", "에", "의")
_PARTICLES = _AFTER_EITHER + _AFTER_CONSONANT + _AFTER_VOWEL
"""Particles that words seldom end with by themselves, unlike 이, 가, 도, 만 and 로 (고양이, 만화가, 제주도)."""


def _without_particle(word: str) -> str:
    """Return the word without its particles (부산에서는: 부산), if at least two syllables are left."""
    for particle in _PARTICLES:
        stem = word.removesuffix(particle)
        if stem != word and len(stem) >= 2 and _takes(stem[-1], particle):
            return _without_particle(stem)
    return word


def _takes(last: str, particle: str) -> bool:
    """Return whether the particle has the form that follows this character; anything but Hangul takes either form."""
    if not "가" <= last <= "힣":
        return True
    # Syllables are numbered by initial, vowel and one of 28 finals, the first of which is none (Unicode, 3.12).
    has_final = (ord(last) - ord("가")) % 28 != 0
    return particle not in (_AFTER_VOWEL if has_final else _AFTER_CONSONANT)


def _name(kind: str, number: int, parameter: str) -> str:
    return f"search_{kind}_{number}_{parameter}"


def _has_word(kind: str, number: int, *, tagged_at_most: int | None = None) -> ColumnElement[bool]:
    """The text or the name of a tag has a word: an optional criterion with its own parameters."""

    def parameter(name: str, type_: TypeEngine[Any]) -> BindParameter[Any]:
        return bindparam(_name(kind, number, name), type_=type_)

    pattern = parameter("pattern", Text())
    tag_name = func.regexp_replace(Tag.tag_key, _ASCII_WORD.pattern, r" \1", "g")
    tagged = (
        select(ContentTag.content_id)
        .join(Tag, Tag.id == ContentTag.tag_id)
        .where(Tag.user_id == parameter("user_id", BigInteger()), tag_name.like(pattern))
        .limit(tagged_at_most)
        .cte(f"{kind}_{number}_tagged")
    )
    has_word = or_(Content.id.in_(select(tagged.c.content_id)), Content.search_text.like(pattern))
    if kind == "scanned":
        # PostgreSQL expects a CASE to hold for every other row, and so reads the newest links until it has enough.
        return case((has_word, true()), else_=false())
    has_terms = Content.search_terms.contains(parameter("terms", Content.search_terms.type))
    tagged_ids = func.array(select(tagged.c.content_id).scalar_subquery(), type_=ARRAY(BigInteger))
    return and_(or_(has_terms, Content.id == any_(tagged_ids)), has_word)


INDEXED = [_has_word("indexed", number) for number in range(MAX_WORDS)]
"""Optional criteria of a projection whose owner criterion is OWNED: the index on terms leads to the links."""
SCANNED = [_has_word("scanned", number) for number in range(MAX_WORDS)]
"""Optional criteria of any projection of links: each of the owner's links is read."""
# Not a bare column: PostgreSQL takes every user for an average one, and would read all links of a user with many.
OWNED: ColumnElement[bool] = Content.user_id + literal_column("0") == bindparam("user_id", type_=BigInteger)
"""The links of `user_id`, to be found by the index on terms rather than by their owner."""


_COUNTS: dict[tuple[int, int], CompiledStatement] = {}
"""The statements of `_count` so far, at most 55."""


async def by_index(executor: Executor, query: Query) -> bool:
    """Return whether the index is the faster way: when some word has terms, and there are fewer than MANY hits.

    It takes one statement. Words that many links have are soon met among the newest.
    """
    indexed = sum(bool(word.terms) for word in query.words)
    if not indexed:
        return False
    kinds = indexed, len(query.words) - indexed
    if kinds not in _COUNTS:  # compiled in a thread, so that the event loop goes on meanwhile
        _COUNTS[kinds] = await asyncio.to_thread(_count, *kinds)
    [(hits,)] = await _COUNTS[kinds].fetch(executor, query.parameters(by_index=True) | {"user_id": query.user_id})
    return int(hits) < MANY


def _count(indexed: int, scanned: int) -> CompiledStatement:
    """Count the hits for so many words, up to MANY, which the links of one tag may be enough for."""
    words = [_has_word("indexed", number, tagged_at_most=MANY) for number in range(indexed)]
    row: ColumnElement[int] = literal_column("1")
    hits = select(row).select_from(Content).where(OWNED, *words, *SCANNED[:scanned]).limit(MANY).subquery()
    name = f"the count of hits of {indexed} + {scanned} words"
    return CompiledStatement(name, select(func.count()).select_from(hits))
