"""Tags, saved links and their imports.

Revision ID: 0004
Revises: 0003
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "contents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("url_key", sa.Text(), nullable=False),
        sa.Column(
            "content_type",
            sa.Enum("video", "post", name="content_type", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("thumbnail", sa.Text(), nullable=True),
        sa.Column("favicon", sa.Text(), nullable=True),
        sa.Column("bookmark", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("saved_on", sa.Date(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("search_terms", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_contents_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contents")),
        sa.UniqueConstraint("id", "user_id", name=op.f("uq_contents_id_user_id")),
        sa.UniqueConstraint("user_id", "url_key", name=op.f("uq_contents_user_id_url_key")),
    )
    op.create_index(
        "ix_contents_bookmarks",
        "contents",
        ["user_id", "saved_on", "id"],
        unique=False,
        postgresql_where=sa.text("bookmark"),
    )
    op.create_index("ix_contents_search_terms", "contents", ["search_terms"], unique=False, postgresql_using="gin")
    op.create_index("ix_contents_user_id_saved_on_id", "contents", ["user_id", "saved_on", "id"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("read", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("existing", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unreadable", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problems", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_imports_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(
        "ix_imports_open", "imports", ["id"], unique=False, postgresql_where=sa.text("status IN ('waiting', 'running')")
    )
    op.create_index("ix_imports_user_id_id", "imports", ["user_id", "id"], unique=False)
    op.create_table(
        "import_chunks",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_chunks_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_import_chunks")),
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("tagname", sa.Text(), nullable=False),
        sa.Column("tag_key", sa.Text(), nullable=False),
        sa.Column("color", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tags_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("id", "user_id", name=op.f("uq_tags_id_user_id")),
        sa.UniqueConstraint("user_id", "tag_key", name=op.f("uq_tags_user_id_tag_key")),
    )
    op.create_table(
        "content_tag",
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_id", "user_id"],
            ["contents.id", "contents.user_id"],
            name=op.f("fk_content_tag_content_id_user_id_contents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id", "user_id"],
            ["tags.id", "tags.user_id"],
            name=op.f("fk_content_tag_tag_id_user_id_tags"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("content_id", "tag_id", name=op.f("pk_content_tag")),
    )
    op.create_index("ix_content_tag_tag_id_content_id", "content_tag", ["tag_id", "content_id"], unique=False)
    op.create_table(
        "post_metadata",
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name=op.f("fk_post_metadata_content_id_contents"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_post_metadata")),
    )
    op.create_table(
        "video_metadata",
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("video_length", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name=op.f("fk_video_metadata_content_id_contents"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_video_metadata")),
    )
    op.create_unique_constraint(op.f("uq_food_logs_id_user_id"), "food_logs", ["id", "user_id"])
    op.create_table(
        "food_log_tag",
        sa.Column("food_log_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["food_log_id", "user_id"],
            ["food_logs.id", "food_logs.user_id"],
            name=op.f("fk_food_log_tag_food_log_id_user_id_food_logs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id", "user_id"],
            ["tags.id", "tags.user_id"],
            name=op.f("fk_food_log_tag_tag_id_user_id_tags"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("food_log_id", "tag_id", name=op.f("pk_food_log_tag")),
    )
    op.create_index("ix_food_log_tag_tag_id_food_log_id", "food_log_tag", ["tag_id", "food_log_id"], unique=False)
    op.add_column("food_logs", sa.Column("content_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_food_logs_content_id",
        "food_logs",
        ["content_id"],
        unique=False,
        postgresql_where=sa.text("content_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_food_logs_content_id_user_id_contents"),
        "food_logs",
        "contents",
        ["content_id", "user_id"],
        ["id", "user_id"],
        ondelete="SET NULL (content_id)",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_constraint(op.f("fk_food_logs_content_id_user_id_contents"), "food_logs", type_="foreignkey")
    op.drop_index("ix_food_logs_content_id", table_name="food_logs", postgresql_where=sa.text("content_id IS NOT NULL"))
    op.drop_column("food_logs", "content_id")
    op.drop_index("ix_food_log_tag_tag_id_food_log_id", table_name="food_log_tag")
    op.drop_table("food_log_tag")
    op.drop_constraint(op.f("uq_food_logs_id_user_id"), "food_logs", type_="unique")
    op.drop_table("video_metadata")
    op.drop_table("post_metadata")
    op.drop_index("ix_content_tag_tag_id_content_id", table_name="content_tag")
    op.drop_table("content_tag")
    op.drop_table("tags")
    op.drop_table("import_chunks")
    op.drop_index("ix_imports_user_id_id", table_name="imports")
    op.drop_index("ix_imports_open", table_name="imports", postgresql_where=sa.text("status IN ('waiting', 'running')"))
    op.drop_table("imports")
    op.drop_index("ix_contents_user_id_saved_on_id", table_name="contents")
    op.drop_index("ix_contents_search_terms", table_name="contents", postgresql_using="gin")
    op.drop_index("ix_contents_bookmarks", table_name="contents", postgresql_where=sa.text("bookmark"))
    op.drop_table("contents")
