"""Photos become small upright JPEGs; what is no photo is refused, whatever it would do to a decoder."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from daybook.diary.errors import BadPhoto, PhotoTooLarge
from daybook.diary.photos.preparer import PhotoPreparer
from daybook.diary.photos.protocol import PhotoLimits, PreparedPhoto
from daybook.errors import Unavailable
from tests.fixtures import pictures

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="workers are looked at through /proc")

RED, LIME, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
WHITE = (255, 255, 255)


@pytest.fixture(scope="module")
async def preparer() -> AsyncIterator[PhotoPreparer]:
    preparer = PhotoPreparer()
    yield preparer
    await preparer.close()


@asynccontextmanager
async def prepared_by(*limits: PhotoLimits, **options: Any) -> AsyncIterator[PhotoPreparer]:
    preparer = PhotoPreparer(*limits, **options)
    try:
        yield preparer
    finally:
        await preparer.close()


def corners(photo: PreparedPhoto) -> list[tuple[int, ...]]:
    """The colors a quarter in from each corner, as they were before JPEG blurred them."""
    image = Image.open(io.BytesIO(photo.data))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (photo.width, photo.height))
    x, y = photo.width // 4, photo.height // 4
    points = [(x, y), (3 * x, y), (x, 3 * y), (3 * x, 3 * y)]
    return [tuple(255 * round(part / 255) for part in rgb(image, point)) for point in points]


def rgb(image: Image.Image, point: tuple[int, int]) -> tuple[int, ...]:
    color = image.getpixel(point)
    assert isinstance(color, tuple)
    return color


@pytest.mark.parametrize("draw", [pictures.jpeg, pictures.png, pictures.webp, pictures.gif, pictures.heic])
async def test_each_format_becomes_the_same_jpeg(preparer: PhotoPreparer, draw: Callable[[], bytes]) -> None:
    data = draw()
    photo = await preparer.prepare(data)
    assert corners(photo) == [RED, LIME, BLUE, YELLOW]
    assert (photo.width, photo.height, photo.media_type) == (320, 240, "image/jpeg")
    assert photo.sha256 == hashlib.sha256(data).digest()


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_photo_is_turned_upright(preparer: PhotoPreparer, orientation: int) -> None:
    photo = await preparer.prepare(pictures.jpeg((320, 240), orientation=orientation))
    assert corners(photo) == [RED, LIME, BLUE, YELLOW]
    assert (photo.width, photo.height) == (320, 240)


async def test_nothing_tells_where_or_with_what_it_was_taken(preparer: PhotoPreparer) -> None:
    sent = pictures.jpeg(camera=True)
    kept = (await preparer.prepare(sent)).data
    assert b"Exif" in sent
    assert b"secret comment" in sent
    for secret in (b"Exif", b"Secret", b"secret", b"2026:03:01", b"http://", b"ICC_PROFILE"):
        assert secret not in kept
    assert set(Image.open(io.BytesIO(kept)).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ((4000, 3000), (1600, 1200)),
        ((1000, 3200), (500, 1600)),
        ((1600, 1200), (1600, 1200)),
        ((9000, 2), (1600, 1)),
        ((1, 1), (1, 1)),
    ],
)
@pytest.mark.parametrize("draw", [pictures.jpeg, pictures.png])
async def test_only_what_is_too_long_is_scaled(
    preparer: PhotoPreparer, draw: Callable[..., bytes], sent: pictures.Size, kept: pictures.Size
) -> None:
    photo = await preparer.prepare(draw(sent))
    assert (photo.width, photo.height) == kept


async def test_what_is_transparent_becomes_white(preparer: PhotoPreparer) -> None:
    photo = await preparer.prepare(pictures.png(transparent=True))
    assert corners(photo) == [RED, WHITE, BLUE, WHITE]


async def test_sixteen_bits_a_pixel_become_eight(preparer: PhotoPreparer) -> None:
    file = io.BytesIO()
    Image.new("I;16", (40, 40), 0x7F00).save(file, "PNG")
    photo = await preparer.prepare(file.getvalue())
    assert rgb(Image.open(io.BytesIO(photo.data)), (20, 20)) == (127, 127, 127)


async def test_colors_are_converted_from_their_profile(preparer: PhotoPreparer) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    photo = await preparer.prepare(pictures.jpeg(icc_profile=swapped))
    assert corners(photo) == [LIME, RED, BLUE, YELLOW]


async def test_broken_metadata_is_no_reason_to_refuse(preparer: PhotoPreparer) -> None:
    sent = pictures.jpeg(camera=True, orientation=6, icc_profile=b"not a profile")
    odd_date = sent.replace(b"2026:03:01 12:00:00", b"\xff" * 19)
    assert corners(await preparer.prepare(odd_date)) == [RED, LIME, BLUE, YELLOW]
    start = sent.index(b"Exif\0\0") + 6
    no_exif_at_all = sent[:start] + b"????" + sent[start + 4 :]
    assert (await preparer.prepare(no_exif_at_all)).width == 240


@pytest.mark.parametrize(
    "data", [pictures.svg(), pictures.html(), b"", b"\0" * 1000, b"\xff\xd8", b"BM" + bytes(100), b"%PDF-1.7"]
)
async def test_what_is_no_photo_is_refused(preparer: PhotoPreparer, data: bytes) -> None:
    with pytest.raises(BadPhoto, match="not a photo in a format that is accepted"):
        await preparer.prepare(data)


@pytest.mark.parametrize("draw", [pictures.jpeg, pictures.png, pictures.webp, pictures.gif, pictures.heic])
async def test_a_truncated_photo_is_refused(preparer: PhotoPreparer, draw: Callable[[], bytes]) -> None:
    with pytest.raises(BadPhoto, match="truncated or damaged"):
        await preparer.prepare(pictures.truncated(draw()))


@pytest.mark.parametrize("size", [(0, 0), (0, 8), (8, 0)])
@pytest.mark.parametrize("draw", [pictures.png_bomb, pictures.jpeg_bomb, pictures.heic_bomb])
async def test_a_photo_without_pixels_is_refused(
    preparer: PhotoPreparer, draw: Callable[..., bytes], size: pictures.Size
) -> None:
    with pytest.raises(BadPhoto, match="truncated or damaged"):
        await preparer.prepare(draw(size))


@linux_only
async def test_too_many_bytes_are_refused_without_a_worker() -> None:
    others = workers()
    async with prepared_by() as preparer:
        with pytest.raises(PhotoTooLarge, match="30,000,000 bytes; at most 15,000,000 bytes"):
            await preparer.prepare(pictures.huge_file())
        assert workers() == others


BOMBS = [
    pictures.png_bomb,
    pictures.gif_bomb,
    pictures.webp_bomb,
    pictures.jpeg_bomb,
    pictures.heic_bomb,
]


@linux_only
async def test_bombs_are_refused_before_they_are_decoded() -> None:
    # Made beforehand: encoding them takes memory, too.
    bombs, huge = [bomb() for bomb in BOMBS], pictures.huge_file()
    others = workers()
    async with prepared_by(workers=1) as preparer:
        await preparer.prepare(pictures.jpeg())
        (worker,) = workers() - others
        before = {pid: peak_memory(pid) for pid in (worker, os.getpid())}
        for bomb in bombs:
            with pytest.raises(PhotoTooLarge, match="pixels; at most 50 million pixels are accepted"):
                await preparer.prepare(bomb)
        with pytest.raises(PhotoTooLarge, match="bytes are accepted"):
            await preparer.prepare(huge)
        after = {pid: peak_memory(pid) for pid in before}
        assert workers() - others == {worker}
    for name, pid in (("worker", worker), ("server", os.getpid())):
        print(f"{name}: peak {before[pid] / 1e6:.1f} MB before the bombs, {after[pid] / 1e6:.1f} MB after")  # noqa: T201 - the figure is what it shows
        assert after[pid] - before[pid] < 5_000_000


async def test_the_refusal_says_how_large_it_is(preparer: PhotoPreparer) -> None:
    with pytest.raises(PhotoTooLarge) as refusal:
        await preparer.prepare(pictures.png_bomb())
    assert refusal.value.detail == ("The photo is 50000 x 50000 pixels; at most 50 million pixels are accepted.")


@linux_only
@pytest.mark.parametrize("bomb", [pictures.png_bomb, pictures.gif_bomb, pictures.jpeg_bomb])
async def test_a_decoder_gets_no_more_memory_than_it_may_have(bomb: Callable[[], bytes]) -> None:
    async with prepared_by(PhotoLimits(max_pixels=10**10), memory=100_000_000) as preparer:
        with pytest.raises(PhotoTooLarge, match="more memory than is allowed"):
            await preparer.prepare(bomb())
        assert corners(await preparer.prepare(pictures.jpeg())) == [RED, LIME, BLUE, YELLOW]


@linux_only
@pytest.mark.parametrize(
    ("cause", "error"), [(signal.SIGSEGV, BadPhoto), (signal.SIGKILL, PhotoTooLarge), (signal.SIGABRT, PhotoTooLarge)]
)
async def test_a_crash_costs_one_photo(cause: signal.Signals, error: type[Exception]) -> None:
    others = workers()
    async with prepared_by() as preparer:
        await preparer.prepare(pictures.jpeg())
        (worker,) = workers() - others
        doomed = asyncio.create_task(preparer.prepare(slow_photo()))
        spared = asyncio.create_task(preparer.prepare(slow_photo()))
        await asyncio.sleep(0.1)
        os.kill(worker, cause)
        with pytest.raises(error):
            await doomed
        assert (await spared).width == 1600
        assert (await preparer.prepare(pictures.jpeg())).width == 320


@linux_only
async def test_a_worker_that_died_while_idle_is_replaced_unnoticed() -> None:
    others = workers()
    async with prepared_by() as preparer:
        await preparer.prepare(pictures.jpeg())
        (worker,) = workers() - others
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert worker not in workers()
        assert (await preparer.prepare(pictures.jpeg())).width == 320


async def test_a_photo_has_a_deadline() -> None:
    async with prepared_by(deadline=0.1) as preparer:
        with pytest.raises(BadPhoto, match=r"within 0\.1 seconds"):
            await preparer.prepare(slow_photo())
        assert (await preparer.prepare(pictures.jpeg())).width == 320


async def test_a_photo_does_not_wait_for_its_turn_forever() -> None:
    async with prepared_by(workers=1, patience=0.1) as preparer:
        first = asyncio.create_task(preparer.prepare(slow_photo()))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await preparer.prepare(pictures.jpeg())
        assert (await first).width == 1600


async def test_after_a_cancelled_photo_the_next_gets_its_own_answer() -> None:
    async with prepared_by(workers=1) as preparer:
        await preparer.prepare(pictures.jpeg())
        cancelled = asyncio.create_task(preparer.prepare(slow_photo()))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert (await preparer.prepare(pictures.jpeg((64, 48)))).width == 64


async def test_a_hundred_at_once_are_quick_and_leave_the_loop_free() -> None:
    async with prepared_by() as preparer:
        photo = pictures.jpeg((640, 480))
        lag = asyncio.create_task(worst_lag())
        started = time.perf_counter()
        photos = await asyncio.gather(*(preparer.prepare(photo) for _ in range(100)))
        seconds = time.perf_counter() - started
        lag.cancel()
        print(f"100 photos in {seconds:.2f} s, the loop late by at most {1000 * await lag:.0f} ms")  # noqa: T201 - the figure is what it shows
    assert {photo.width for photo in photos} == {640}
    assert seconds < 5


def test_the_server_does_not_import_a_decoder_nor_the_worker_the_server() -> None:
    program = (
        "import sys, daybook.diary.photos.preparer, daybook.diary.photos.decoder as decoder\n"
        "assert not {'PIL', 'pi_heif'} & set(sys.modules)\n"
        "decoder._load_decoders()\n"
        "assert not {'fastapi', 'starlette', 'sqlalchemy', 'pydantic', 'obstore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@linux_only
async def test_a_worker_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "canary")
    others = workers()
    async with prepared_by() as preparer:
        await preparer.prepare(pictures.jpeg())
        (worker,) = workers() - others
        assert b"canary" not in Path(f"/proc/{worker}/environ").read_bytes()  # noqa: ASYNC240 - not a disk


@linux_only
def test_a_killed_server_leaves_no_worker() -> None:
    program = (
        "import asyncio, os, signal\n"
        "from daybook.diary.photos.preparer import PhotoPreparer\n"
        "from tests.diary.photos.test_preparer import workers\n"
        "from tests.fixtures.pictures import jpeg\n"
        "asyncio.run(PhotoPreparer().prepare(jpeg()))\n"
        "print(*workers(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    server = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    worker = Path("/proc", server.stdout.strip())
    assert server.returncode == -signal.SIGKILL
    for _ in range(100):
        if not worker.exists() or "zombie" in (worker / "status").read_text():
            return
        time.sleep(0.02)
    pytest.fail("the worker is still there")


def slow_photo() -> bytes:
    """A few kB that take most of a second to decode, and are within every limit."""
    return pictures.blank_png((7000, 7000))


async def worst_lag() -> float:
    """How late the loop ran a task, in seconds at worst, until cancelled."""
    worst = 0.0
    try:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.002)
            worst = max(worst, time.perf_counter() - started - 0.002)
    except asyncio.CancelledError:
        return worst


def workers() -> set[int]:
    """The process ids of all decoders of this process, those of other tests' preparers among them."""
    children = "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    return {int(pid) for pid in children if b"daybook.diary.photos" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def peak_memory(pid: int) -> int:
    """The most memory a process has held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
