"""Photos are stored whole and durably, or not at all."""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from daybook.diary.photos.store import PhotoStore
from daybook.errors import StorageFull, Unavailable

KEY = "0199-user/3f786850e387550f.jpg"
LATER = datetime.now(UTC) + timedelta(hours=1)


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def modes_in(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.rglob("*")}


@pytest.mark.parametrize("form", ["path", "string", "url"])
async def test_a_photo_comes_back_as_it_was_stored(tmp_path: Path, form: str) -> None:
    directory = tmp_path / "my photos"
    locations: dict[str, str | Path] = {"path": directory, "string": str(directory), "url": directory.as_uri()}
    store = PhotoStore(locations[form])
    await store.put(KEY, b"first")
    await store.put(KEY, b"second")
    assert await store.get(KEY) == b"second"
    assert files_in(directory) == {KEY}


async def test_a_missing_photo_is_none_and_deleting_it_is_no_error(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    await store.put(KEY, b"photo")
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.get(KEY) is None


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
async def test_nobody_else_can_read_a_photo(tmp_path: Path) -> None:
    await PhotoStore(tmp_path / "data" / "photos").put(KEY, b"photo")
    assert modes_in(tmp_path) == {"data": 0o700, "photos": 0o700, "0199-user": 0o700, Path(KEY).name: 0o600}


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../secret", "a/../../secret", "a/..", "a//b", "a\\b", "a\0", ".hidden", "a\n"]
)
async def test_no_key_leads_out_of_the_store(tmp_path: Path, key: str) -> None:
    store = PhotoStore(tmp_path / "photos")
    for attempt in (store.put(key, b""), store.get(key), store.delete(key)):
        with pytest.raises(ValueError, match="is not a key"):
            await attempt
    assert files_in(tmp_path) == set()


async def test_simultaneous_writers_of_one_key_leave_one_whole_photo(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    photos = [bytes([n]) * 200_000 for n in range(20)]
    await asyncio.gather(*(store.put(KEY, photo) for photo in photos))
    assert await store.get(KEY) in photos
    assert files_in(tmp_path) == {KEY}


async def test_old_photos_and_unfinished_writes_are_found_by_their_age(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    await store.put("a/new.jpg", b"")
    await store.put("a/old.jpg", b"")
    (tmp_path / "a" / "killed.jpg.0123456789abcdef.part").write_bytes(b"half a")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    for name in ("old.jpg", "killed.jpg.0123456789abcdef.part"):
        os.utime(tmp_path / "a" / name, (hour_ago.timestamp(), hour_ago.timestamp()))
    found = {key async for key in store.keys_older_than(hour_ago + timedelta(minutes=1))}
    assert found == {"a/old.jpg", "a/killed.jpg.0123456789abcdef.part"}
    for key in found:
        await store.delete(key)
    assert files_in(tmp_path) == {"a/new.jpg"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"a file system can only be mounted by root: {mount.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount command here")
async def test_a_full_disk_is_an_error_and_leaves_nothing_behind(small_disk: Path) -> None:
    store = PhotoStore(small_disk / "photos")
    await store.put("a/1.jpg", b"x" * 1_500_000)
    with pytest.raises(StorageFull):
        await store.put("b/2.jpg", b"x" * 1_000_000)
    assert files_in(small_disk) == {"photos/a/1.jpg"}
    with pytest.raises(StorageFull):
        await store.put("a/1.jpg", b"y" * 1_000_000)
    assert await store.get("a/1.jpg") == b"x" * 1_500_000
    await store.delete("a/1.jpg")
    await store.put("b/2.jpg", b"x" * 1_000_000)


async def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    (tmp_path / "0199-user").write_text("a file where a directory should be")
    with pytest.raises(Unavailable):
        await store.put(KEY, b"photo")
    with pytest.raises(Unavailable):
        await store.get(KEY)


@pytest.mark.parametrize(
    "location", ["ftp://host/photos", "s3://", "file://elsewhere/photos", "https://example.org/photos"]
)
def test_a_location_that_is_no_store_is_refused_at_once(location: str) -> None:
    with pytest.raises(ValueError, match="not a photo store"):
        PhotoStore(location)


class Bucket(ThreadingHTTPServer):
    """As much of S3's protocol as photos need."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _S3)
        self.objects: dict[str, bytes] = {}
        self.failure: int | None = None
        self.silence = threading.Event()
        self.silence.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that did not wait for its answer."""


class _S3(BaseHTTPRequestHandler):
    server: Bucket

    def do_PUT(self) -> None:
        self.server.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        if "list-type=2" not in self.path:
            found = self.server.objects.get(self.path)
            self._answer(404 if found is None else 200, found or b"")
            return
        listed = "".join(
            f"<Contents><Key>{path.removeprefix('/bucket/')}</Key><Size>{len(data)}</Size>"
            "<LastModified>2026-03-01T12:00:00.000Z</LastModified></Contents>"
            for path, data in self.server.objects.items()
        )
        self._answer(200, f"<ListBucketResult>{listed}</ListBucketResult>".encode())

    def do_POST(self) -> None:
        asked = ET.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        keys = [str(key.text) for key in asked.iterfind(".//{*}Key")]
        for key in keys:
            self.server.objects.pop(f"/bucket/{key}", None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.server.silence.wait()
        self.send_response(self.server.failure or status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
        """Say nothing."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with Bucket() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server
        server.silence.set()
        server.shutdown()


async def test_a_bucket_stores_photos_too(bucket: Bucket) -> None:
    store = PhotoStore("s3://bucket/photos")
    await store.put(KEY, b"photo")
    assert bucket.objects == {f"/bucket/photos/{KEY}": b"photo"}
    assert await store.get(KEY) == b"photo"
    assert [key async for key in store.keys_older_than(LATER)] == [KEY]
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.get(KEY) is None


@pytest.mark.parametrize(("status", "error"), [(507, StorageFull), (500, Unavailable), (403, Unavailable)])
async def test_what_a_bucket_refuses_is_an_error(bucket: Bucket, status: int, error: type[Exception]) -> None:
    bucket.failure = status
    with pytest.raises(error):
        await PhotoStore("s3://bucket/photos").put(KEY, b"photo")


async def test_a_bucket_that_hangs_is_unavailable_by_the_deadline(bucket: Bucket) -> None:
    bucket.silence.clear()
    store = PhotoStore("s3://bucket/photos", deadline=0.2)
    with pytest.raises(Unavailable):
        await store.get(KEY)


async def test_a_bucket_that_is_not_there_is_unavailable(bucket: Bucket) -> None:
    bucket.failure = 404
    store = PhotoStore("s3://bucket/photos")
    with pytest.raises(Unavailable):
        await store.put(KEY, b"photo")
    with pytest.raises(Unavailable):
        _ = [key async for key in store.keys_older_than(LATER)]
