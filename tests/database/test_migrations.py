"""The migrations and the models say the same, in both directions."""

from alembic import command

from tests.fixtures.database import alembic_config, fresh_database


def test_up_down_up_leaves_no_drift(server_url: str, worker_id: str) -> None:
    with fresh_database(server_url, f"migrations_{worker_id}") as url:
        config = alembic_config(url)
        command.upgrade(config, "head")
        command.check(config)
        command.downgrade(config, "base")
        command.upgrade(config, "head")
        command.check(config)
