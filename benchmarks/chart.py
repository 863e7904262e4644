"""The chart of a run: requests a second, a group of bars for each page, readable on light and on dark."""

from collections.abc import Mapping
from html import escape

TITLES = {
    "today": "Today: 4 meals of 8 ingredients",
    "list50": "A list of 50 meals",
    "list300": "A list of 300 meals",
    "one": "One meal",
    "contents": "300 saved links with tags",
    "bookmarks": "60 bookmarked links",
    "tagged": "The links of a tag",
    "articles": "50 popular articles",
    "write_log": "Writing a meal with 8 ingredients",
}
WAYS = {
    "raw": "asyncpg, json_agg, Pydantic",
    "orm": "async ORM, response_model",
    "sync": "sync ORM, psycopg",
    "joined": 'lazy="joined" (fewer rows)',
    "node": "Node: Fastify, postgres.js",
    "bare": "Starlette and SQL by hand",
    "node-json": "Node, JSON by PostgreSQL",
    "daybook": "Daybook",
}
LEFT, BAR, WIDTH = 230, 420, 760
ROW, GAP, TOP = 22, 44, 64
STYLE = """
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
    .page, .title { font-weight: 600 }
    .title { font-size: 16px }
    .note { font-size: 11px; fill: #59636e }
    .ground { fill: #ffffff }
    .bar { fill: #a8b3bf }
    .bare { fill: #ffffff; stroke: #818b98; stroke-dasharray: 4 3 }
    .daybook { fill: #0f7b6c }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #9198a1 }
      .ground { fill: #0d1117 }
      .bar { fill: #59636e }
      .bare { fill: #0d1117; stroke: #9198a1 }
      .daybook { fill: #3fbfa9 }
    }
"""


def chart(speeds: Mapping[str, Mapping[str, float]], *, machine: str, date: str) -> str:
    """Return an SVG of the requests a second by page and contender; in each page the longest bar is its fastest."""
    parts: list[str] = []
    y = TOP
    for page, contenders in speeds.items():
        parts.append(_text(16, y, TITLES.get(page, page), "page"))
        y += 12
        fastest = max(contenders.values())
        for name, rps in sorted(contenders.items(), key=lambda item: item[1]):
            length = max(rps / fastest * BAR, 1)
            style = name if name in {"bare", "daybook"} else "bar"
            parts += [
                _text(LEFT - 10, y + 14, WAYS[name], "end"),
                f'<rect class="{style}" x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{ROW - 7}" rx="2"/>',
                _text(LEFT + length + 8, y + 14, f"{rps:,.0f}", "page" if name == "daybook" else ""),
            ]
            y += ROW
        y += GAP - 12
    height = y + 4
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                f'height="{height}" role="img" aria-labelledby="title">'
            ),
            '<title id="title">Requests a second by page and way of reading the database</title>',
            f"<style>{STYLE}    .end {{ text-anchor: end }}\n</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            _text(16, 28, "Requests a second, one worker on one core", "title"),
            *parts,
            _text(16, height - 14, f"{date} on {machine}", "note"),
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
