"""Whose address a request has, behind proxies that are trusted and others."""

from pathlib import Path

import pytest
from starlette.requests import Request

from daybook.web import client
from tests.fixtures.server import settings_for


def request(tmp_path: Path, peer: str, headers: dict[str, str], trusted: str) -> Request:
    """Return a request as it is when uvicorn has seen to it."""
    settings = settings_for("", tmp_path, forwarded_allow_ips=trusted)
    scope = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {"settings": settings},
    }
    return Request(scope)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("203.0.113.7, 198.51.100.1", "198.51.100.1"),
        ("203.0.113.7, 198.51.100.1:4711", "198.51.100.1"),
        ("203.0.113.7, [2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.7,2001:db8::1", "2001:db8::1"),
    ],
)
def test_any_proxy_is_believed_for_the_last_address_only(tmp_path: Path, forwarded: str, address: str) -> None:
    leftmost = forwarded.partition(",")[0]
    assert client.client_address(request(tmp_path, leftmost, {"x-forwarded-for": forwarded}, "*")) == address


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_a_proxy_that_is_not_trusted_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    caplog.set_level("WARNING", "daybook.web.client")
    monkeypatch.setattr(client, "_warned", [])
    for _ in range(2):
        asked = request(tmp_path, "172.17.0.1", {header: "for=203.0.113.7"}, "127.0.0.1")
        assert client.client_address(asked) == "172.17.0.1"
    assert len(caplog.records) == 1
    assert "DAYBOOK_FORWARDED_ALLOW_IPS" in caplog.text


def test_a_proxy_that_is_trusted_is_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("WARNING", "daybook.web.client")
    monkeypatch.setattr(client, "_warned", [])
    asked = request(tmp_path, "203.0.113.7", {"x-forwarded-for": "203.0.113.7"}, "127.0.0.1")
    assert client.client_address(asked) == "203.0.113.7"
    assert not caplog.records
