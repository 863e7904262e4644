"""The pages, and the check that every contender serves the same."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from benchmarks.contenders import NAMES
from benchmarks.load import Call, ask
from benchmarks.rows import NEWCOMER, READER, WRITER, Rows
from benchmarks.servers import Contender, Signer

PAGES = ("today", "list50", "list300", "one", "contents", "bookmarks", "tagged", "articles", "write_log")
COUNTS = {READER: 400, WRITER: 0, NEWCOMER: 10, **{f"neighbour {number}": 300 for number in range(48)}}
"""How many meals each person has, of 8 ingredients each."""
LINKS = (READER, *(f"neighbour {number}" for number in range(19)))
"""Who has 300 saved links: 20 people."""

MEAL = {
    "mealType": "lunch",
    "isHealthy": True,
    "estimatedCalories": 640,
    "note": "된장찌개와 밥",
    "ingredients": [
        {"name": name, "color": color, "grams": grams, "calories": calories}
        for name, color, grams, calories in (
            ("된장", "teal", 30.0, 50),
            ("두부", "teal", 100.0, 80),
            ("애호박", "green", 80.5, 15),
            ("양파", "green", 50.0, 20),
            ("대파", "green", 15.0, 5),
            ("소고기", "red", 60.0, 150),
            ("바지락", "red", 40.0, 30),
            ("쌀밥", "teal", 210.0, 290),
        )
    ],
}


class Pages:
    """The call of each page, for each contender."""

    def __init__(self, rows: Rows, signer: Signer) -> None:
        self.reader, self.writer, self.newcomer = (
            signer.token(rows.user_ids[name]) for name in (READER, WRITER, NEWCOMER)
        )
        self.newest = rows.newest
        self.reader_id, self.tag = rows.user_ids[READER], rows.tag

    def call(self, page: str, contender: str) -> Call:
        """Return the call. Joined asks for somebody who has few meals, but as many today."""
        token = self.newcomer if contender == "joined" else self.reader
        match page:
            case "today":
                return Call("GET", "/api/log/food/today", token)
            case "list50":
                return Call("GET", "/api/log/food?limit=50", token)
            case "list300":
                return Call("GET", "/api/log/food?limit=300", token)
            case "one":
                return Call("GET", f"/api/log/food/{self.newest}", token)
            case "contents":
                return Call("GET", f"/api/contents/user/{self.reader_id}/all?limit=300", token)
            case "bookmarks":
                return Call("GET", f"/api/contents/bookmarks/user/{self.reader_id}?limit=300", token)
            case "tagged":
                return Call("GET", f"/api/tags/{self.tag}/contents/all?limit=300", token)
            case "articles":
                return Call("GET", "/api/articles?feed=popular&limit=50", token)
            case "write_log":
                day = dt.datetime.now(dt.UTC).date().isoformat()
                return Call("POST", "/api/log/food", self.writer, MEAL | {"date": day}, 201)
        raise ValueError(f"there is no page {page!r}; the pages are {', '.join(PAGES)}")

    async def check(self, contenders: Iterable[Contender], pages: Iterable[str] = PAGES) -> None:
        """Raise AssertionError unless all give equal JSON, and what they wrote reads the same."""
        for page in pages:
            answers = {
                contender.name: await self._answer(page, contender)
                for contender in contenders
                if serves(contender.name, page)
            }
            for name, answer in answers.items():
                expected = answers["daybook"]
                if name == "joined":
                    daybook = next(contender for contender in contenders if contender.name == "daybook")
                    expected = _comparable(await ask(daybook.port, self.call(page, name)))
                assert answer == expected, f"{page}: {name} gives {answer}, daybook {expected}"

    async def _answer(self, page: str, contender: Contender) -> Any:
        answer = await ask(contender.port, self.call(page, contender.name))
        if page == "write_log":
            written = await ask(contender.port, Call("GET", f"/api/log/food/{answer.pop('id')}", self.writer))
            answer["written"] = {key: written[key] for key in written.keys() - {"id", "createdAt", "updatedAt"}}
        return _comparable(answer)


def serves(contender: str, page: str) -> bool:
    """Whether the contender has the page."""
    assert contender in NAMES
    return contender != "joined" or page == "today"


def _comparable(answer: Any) -> Any:
    """The same, with times as such: some write UTC as Z, some as +00:00."""
    if isinstance(answer, list):
        return [_comparable(item) for item in answer]
    if isinstance(answer, dict):
        return {
            key: dt.datetime.fromisoformat(value) if key in {"createdAt", "updatedAt"} else _comparable(value)
            for key, value in answer.items()
        }
    return answer
