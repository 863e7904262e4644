"""The application answers as its own API document says: a small part of what `make fuzz` sends."""

from pathlib import Path

from scripts.fuzz import cases, fuzz, served

from tests.fixtures.database import fresh_database


def test_answers_are_as_the_document_says(server_url: str, worker_id: str, tmp_path: Path) -> None:
    with (
        fresh_database(server_url, f"daybook_fuzz_{worker_id}") as url,
        served(tmp_path, url.render_as_string(hide_password=False)) as address,
    ):
        run = fuzz(address, "--phases", "fuzzing", "--max-examples", "8", "--no-shrink")
    assert run.returncode == 0, run.stdout + run.stderr
    assert cases(run.stdout) > 300
