"""Whether memory stays flat: the application under a minute of load on all pages."""

from benchmarks.load import load
from benchmarks.pages import COUNTS, LINKS, PAGES, Pages
from benchmarks.rows import fill
from benchmarks.servers import Signer, new_database, serving

SECONDS = 60
STEP = 1.0


async def measure(server: str) -> None:
    """Print the resident memory after each tenth of the minute, and its peak."""
    signer = Signer()
    async with new_database(server, "daybook_soak") as url:
        pages = Pages(await fill(url, COUNTS, links=LINKS), signer)
        async with serving("daybook", url, signer) as daybook:
            seen = [daybook.rss()]
            answers = 0
            for second in range(SECONDS):
                call = pages.call(PAGES[second % len(PAGES)], daybook.name)
                answers += len((await load(daybook.port, call, STEP)).seconds)
                seen.append(daybook.rss())
                if second % 6 == 5:
                    print(f"{second + 1:>3} s {seen[-1]:6.1f} MB", flush=True)
    half = len(seen) // 2
    print(
        f"{answers:,} answers; at the start {seen[0]:.1f} MB, peak {max(seen):.1f} MB, "
        f"second half {max(seen[half:]) - seen[half]:+.1f} MB"
    )
