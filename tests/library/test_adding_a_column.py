"""docs/adding-a-column.md is true: with its patch, the new column is saved, shown, changed, exported and imported."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.fixtures.database import ROOT, fresh_database

STEP = re.compile(r"^ *```diff\n *(\S+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
"""A step of the recipe: a file, and the lines that it gets after those that it has."""

SCENARIO = """
import time
from starlette.testclient import TestClient
from daybook.app import create_app

def sign_up(client, email):
    account = {"email": email, "password": "correct horse battery", "username": "x", "timezone": "Asia/Seoul"}
    assert client.post("/api/users", json=account).status_code == 201
    tokens = client.post("/api/users/login", json={name: account[name] for name in ("email", "password")}).json()
    client.headers["Authorization"] = "Bearer " + tokens["accessToken"]

with TestClient(create_app()) as client:
    sign_up(client, "mina@example.com")
    link = {"url": "https://example.com/", "title": "x", "contentType": "post", "language": "ko"}
    saved = client.post("/api/contents", json=link).json()
    assert saved["language"] == "ko", saved
    assert client.get("/api/contents").json()["items"] == [saved]
    assert client.patch(f"/api/contents/{saved['id']}", json={"title": "y"}).json()["language"] == "ko"
    assert client.patch(f"/api/contents/{saved['id']}", json={"language": "en"}).json()["language"] == "en"
    assert client.patch(f"/api/contents/{saved['id']}", json={"language": "x" * 36}).status_code == 422
    files = [client.get("/api/contents/export", params={"format": name}).content for name in ("json", "netscape")]
    for number, file in enumerate(files):
        sign_up(client, f"juno{number}@example.com")
        assert client.post("/api/contents/import", files={"file": ("links", file)}).status_code == 202
        while not (imported := client.get("/api/contents").json()["items"]):
            time.sleep(0.05)
        assert [content["language"] for content in imported] == ["en"]
"""


def test_the_recipe_adds_a_column(server_url: str, tmp_path: Path, worker_id: str) -> None:
    for directory in ("src", "alembic"):
        shutil.copytree(ROOT / directory, tmp_path / directory, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    steps = STEP.findall((ROOT / "docs/adding-a-column.md").read_text())
    for file, patch in steps:
        lines = textwrap.dedent(patch).splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines)
        path = tmp_path / file
        text = path.read_text() if before else ""
        assert text.count(before) == 1, (file, before)
        path.write_text(text.replace(before, after))
    assert len({file for file, _ in steps}) <= 5
    with fresh_database(server_url, f"daybook_{worker_id}_column") as url:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path / "src"),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "DAYBOOK_DATA_DIR": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCENARIO], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
