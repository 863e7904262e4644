"""A web server that pages are fetched from."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.web_pages import WebServer, serving


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with serving() as web:
        yield web
