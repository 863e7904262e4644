"""The tables in the docs, written from the results of a whole run: python -m benchmarks.tables writes them again."""

import json
import re
from pathlib import Path

from benchmarks.chart import TITLES

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")
"""A table stands between `<!-- results-3.11 -->` and `<!-- end -->`, with nothing else."""
OTHERS = {
    "raw": "raw asyncpg",
    "orm": "the ORM",
    "node": "Node",
    "bare": "tuned Python",
    "node-json": "tuned Node",
}
TABLE = re.compile(r"<!-- (results-[\d.]+) -->\n(.*?)<!-- end -->", re.DOTALL)


def table(results: Path) -> str:
    """Return the Markdown table of a file of results: Daybook's requests a second, and what they are of the others'."""
    pages = json.loads(results.read_text(encoding="utf-8"))["pages"]
    heads = ["requests a second, one worker on one core", "Daybook", *(f"of {name}" for name in OTHERS.values())]
    rows = [heads, ["---"] * len(heads)]
    for page, contenders in pages.items():
        daybook = contenders["daybook"]["rps"]
        shares = [_times(daybook / contenders[name]["rps"]) if name in contenders else "" for name in OTHERS]
        rows.append([TITLES[page], f"**{daybook:,.0f}**", *shares])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def write() -> list[Path]:
    """Write the table of each version's results where a document has a place for it; return the documents."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        document.write_text(TABLE.sub(_replacement, text), encoding="utf-8")
    return [*DOCUMENTS]


def _replacement(place: re.Match[str]) -> str:
    results = Path(__file__).parent / f"{place[1]}.json"
    return f"<!-- {place[1]} -->\n{table(results) if results.exists() else ''}<!-- end -->"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} x" if ratio < 2 else f"{ratio:.1f} x"


if __name__ == "__main__":
    write()
