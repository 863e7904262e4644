"""Long texts, to be normalized piece by piece."""

import re
from collections.abc import Iterator

PIECE = 1_000
"""Characters, without those of ASCII before them, which normalization leaves as they are."""
# Including what belongs to the last letter: accents, or the rest of a syllable.
_PIECE = re.compile(f"[\x00-\x7f]*+[^\x00-\x7f]{{0,{PIECE}}}+[\u0300-\u036f\u1160-\u11ff\u3099\u309a]{{0,30}}+")


def pieces(text: str) -> Iterator[str]:
    """Yield the text in pieces that can be normalized one by one.

    CPython lets no other thread run while it normalizes, and sorts a run of combining marks in quadratic time: 100,000
    of them take 20 seconds as a whole. And whoever has enough of the normal form need not go on.
    """
    return (piece[0] for piece in _PIECE.finditer(text))
