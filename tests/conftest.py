"""What all tests share; each kind of fixture has its own module."""

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.gemini", "tests.fixtures.issuer", "tests.fixtures.server"]
