"""Whether a page costs the same however many rows there are, and however far down it lies."""

import asyncio
import contextlib
from urllib.parse import quote

from benchmarks.load import Call, Outcome, ask, load
from benchmarks.rows import HEAVY, fill
from benchmarks.servers import Signer, new_database, serving

SIZES = (1_000, 100_000, 1_000_000)
DEPTH = 10_000
ROUNDS, SECONDS = 10, 1.0
OTHERS = 200
"""How many people the other meals belong to."""
INGREDIENTS = 3


async def measure(server: str) -> None:
    """Print the 95th percentile of the first page and of one 10,000 rows down, with tables of each size."""
    signer = Signer()
    async with contextlib.AsyncExitStack() as stack:
        calls: dict[tuple[int, int], tuple[int, Call]] = {}
        for size in SIZES:
            url = await stack.enter_async_context(new_database(server, f"daybook_depth_{size}"))
            # Half of the smallest table is the heavy user's; there, the deep page is as deep as it can be.
            heavy = min(DEPTH + 1_000, size // 2)
            each = (size - heavy) // OTHERS
            rows = await fill(
                url, {HEAVY: heavy} | {f"other {number}": each for number in range(OTHERS)}, ingredients=INGREDIENTS
            )
            token = signer.token(rows.user_ids[HEAVY])
            daybook = await stack.enter_async_context(serving("daybook", url, signer))
            path = "/api/log/food?limit=50"
            calls[size, 0] = daybook.port, Call("GET", path, token)
            depth = min(DEPTH, heavy - 100)
            cursor = await _cursor_at(daybook.port, token, depth)
            calls[size, depth] = daybook.port, Call("GET", f"{path}&cursor={quote(cursor)}", token)
        outcomes = {key: Outcome() for key in calls}
        for _ in range(ROUNDS):
            for key, (port, call) in calls.items():
                await load(port, call, 0.2, connections=1)
                outcomes[key].seconds += (await load(port, call, SECONDS, connections=1)).seconds
                await asyncio.sleep(0)
    print(f"{'logs':>10} {'rows down':>10} {'p50 ms':>8} {'p95 ms':>8} {'of the smallest':>16}")
    least = outcomes[SIZES[0], 0].milliseconds(0.95)
    for (size, depth), outcome in outcomes.items():
        p50, p95 = outcome.milliseconds(0.50), outcome.milliseconds(0.95)
        print(f"{size:>10,} {depth:>10,} {p50:>8.2f} {p95:>8.2f} {p95 / least:>16.2f}")


async def _cursor_at(port: int, token: str, depth: int) -> str:
    """Return the cursor of the page that begins after so many rows."""
    cursor = ""
    while depth:
        limit = min(depth, 200)
        after = f"&cursor={quote(cursor)}" if cursor else ""
        page = await ask(port, Call("GET", f"/api/log/food?limit={limit}{after}", token))
        cursor = page["nextCursor"]
        depth -= limit
    return cursor
