"""A Python client that openapi-python-client generates from the API document, against the running server."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.pictures import jpeg
from tests.fixtures.server import Server
from tests.web.test_openapi import bodies, document

CONFIG = {"post_hooks": [], "content_type_overrides": {"image/jpeg": "application/octet-stream"}}
"""Without its formatter, which takes longer than the rest; and a media type that it does not know to be bytes."""
PACKAGE = "daybook_client"

PATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "/api/log/food/{log_id}": ({"note": "with rice"}, "/api/log/food/{log_id}"),
    "/api/log/exercise/{log_id}": ({"note": "uphill"}, "/api/log/exercise/{log_id}"),
    "/api/contents/{content_id}": ({"note": "for Sunday"}, "/api/contents/{content_id}"),
    "/api/tags/{tag_id}": ({"color": 7}, "/api/tags"),
    "/api/articles/{article_id}": ({"body": "Try it."}, "/api/articles/{article_id}"),
    "/api/comments/{comment_id}": ({"body": "Thank you"}, "/api/articles/{article_id}/comments"),
    "/api/users/me": ({"locale": "en-GB"}, "/api/users/me"),
}
"""For each PATCH, a change of one field, and what is read to see that it is the only one."""


def test_every_patch_is_in_the_table() -> None:
    assert {path for path, methods in document()["paths"].items() if "patch" in methods} == PATCHES.keys()


class Client:
    """The generated client: its operations are called by their method and path."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.models = importlib.import_module(f"{PACKAGE}.models")
        self.types = importlib.import_module(f"{PACKAGE}.types")

    def body(self, method: str, path: str, media_type: str = "application/json") -> Any:
        """Return the model of an operation's body."""
        schema = document()["paths"][path][method]["requestBody"]["content"][media_type]["schema"]
        return getattr(self.models, schema["$ref"].rpartition("/")[2])

    async def __call__(self, method: str, path: str, **arguments: Any) -> Any:
        """Return what an operation answers; AssertionError for a problem, or an answer that is not in the document."""
        operation = document()["paths"][path][method]
        module = importlib.import_module(f"{PACKAGE}.api.{operation['tags'][0]}.{operation['operationId']}")
        answer = await module.asyncio(client=self.connection, **arguments)
        assert answer is not None
        assert not isinstance(answer, self.models.Problem), answer
        return answer

    async def create(self, path: str, **changes: Any) -> Any:
        """Return what a POST of its own example answers, with changes."""
        sent = bodies()[f"POST {path}"]["example"] | changes
        return await self("post", path, body=self.body("post", path).from_dict(sent))


@pytest.fixture(scope="module")
def _generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Generate the package into a directory that modules are found in."""
    directory = tmp_path_factory.mktemp("client")
    (directory / "openapi.json").write_text(json.dumps(document()))
    (directory / "config.json").write_text(json.dumps(CONFIG))
    tool = str(Path(sys.executable).with_name("openapi-python-client"))
    command = [tool, "generate", "--path", "openapi.json", "--config", "config.json", "--meta", "none"]
    done = subprocess.run(
        [*command, "--output-path", PACKAGE, "--fail-on-warning"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(directory))
    yield
    sys.path.remove(str(directory))


@pytest.fixture
async def client(_generated: None, server: Server) -> AsyncIterator[Client]:
    """The generated client, after it has registered somebody and signed them in."""
    package = importlib.import_module(PACKAGE)
    async with package.Client(server.url) as connection:
        client = Client(connection)
        await client.create("/api/users")
        account = bodies()["POST /api/users"]["example"]
        credentials = client.models.PasswordSignIn(email=account["email"], password=account["password"])
        signed_in = await client("post", "/api/users/login", body=credentials)
    async with package.AuthenticatedClient(server.url, signed_in.access_token) as connection:
        yield Client(connection)


async def test_it_logs_a_photo_and_a_patch_changes_only_what_it_names(client: Client) -> None:
    ids = await everything(client)
    for path, (changes, shown_at) in PATCHES.items():
        before = await shown(client, shown_at, ids[path])
        body = client.body("patch", path)(**changes)
        changed = (await client("patch", path, **of_path(path, ids[path]), body=body)).to_dict()
        assert before != before | changes
        assert changed == before | changes | {"updatedAt": changed["updatedAt"]}, path
        assert await shown(client, shown_at, ids[path]) == changed


async def everything(client: Client) -> dict[str, dict[str, Any]]:
    """Make one of everything that can be changed; for each path, the values of its parameters and of what shows it."""
    photo = client.types.File(BytesIO(jpeg((640, 480))), "lunch.jpg", "image/jpeg")
    form = client.body("post", "/api/log/food/photo", "multipart/form-data")(photo=photo)
    meal = await client("post", "/api/log/food/photo", body=form)
    assert [logged.id for logged in await client("get", "/api/log/food/today")] == [meal.id]
    assert (await client("get", "/api/photos/{photo_id}", photo_id=meal.photo_id)).payload.read(2) == b"\xff\xd8"
    content = await client.create("/api/contents")
    text = client.body("post", "/api/articles")(title="Kimchi", body="All of it", content_ids=[content.id])
    article = await client("post", "/api/articles", body=text)
    text = client.body("post", "/api/articles/{article_id}/comments")(body="Thanks")
    comment = await client("post", "/api/articles/{article_id}/comments", article_id=article.id, body=text)
    return {
        "/api/log/food/{log_id}": {"log_id": meal.id},
        "/api/log/exercise/{log_id}": {"log_id": (await client.create("/api/log/exercise")).id},
        "/api/contents/{content_id}": {"content_id": content.id},
        "/api/tags/{tag_id}": {"tag_id": (await client.create("/api/tags")).id},
        "/api/articles/{article_id}": {"article_id": article.id},
        "/api/comments/{comment_id}": {"comment_id": comment.id, "article_id": article.id},
        "/api/users/me": {},
    }


async def shown(client: Client, path: str, ids: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown at a path; of a page, the item that has one of the ids."""
    answer = await client("get", path, **of_path(path, ids))
    if hasattr(answer, "next_cursor"):
        (answer,) = (item for item in answer.items if item.id in ids.values())
    data: dict[str, Any] = answer.to_dict()
    return data


def of_path(path: str, ids: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for the parameters of a path."""
    return {name: ids[name] for name in re.findall(r"{(\w+)}", path)}
