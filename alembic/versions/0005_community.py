"""Articles, votes, downloads and comments.

Revision ID: 0005
Revises: 0004
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "articles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("thumbnails", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("up_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("down_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "hot",
            sa.Double(),
            sa.Computed(
                "log(greatest(up_count + down_count, 1)) + extract(epoch FROM created_at AT TIME ZONE 'UTC') / 45000",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("shuffle", sa.Double(), server_default=sa.text("random()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_articles_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_articles")),
        sa.UniqueConstraint(
            "id",
            "up_count",
            "down_count",
            "hot",
            "shuffle",
            name=op.f("uq_articles_id_up_count_down_count_hot_shuffle"),
        ),
    )
    op.create_index("ix_articles_down_count_id", "articles", ["down_count", "id"], unique=False)
    op.create_index("ix_articles_hot_id", "articles", ["hot", "id"], unique=False)
    op.create_index("ix_articles_shuffle_id", "articles", ["shuffle", "id"], unique=False)
    op.create_index("ix_articles_up_count_id", "articles", ["up_count", "id"], unique=False)
    op.create_index("ix_articles_user_id_id", "articles", ["user_id", "id"], unique=False)
    op.create_table(
        "article_topics",
        sa.Column("topic_key", sa.Text(), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("up_count", sa.Integer(), nullable=False),
        sa.Column("down_count", sa.Integer(), nullable=False),
        sa.Column("hot", sa.Double(), nullable=False),
        sa.Column("shuffle", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id", "up_count", "down_count", "hot", "shuffle"],
            ["articles.id", "articles.up_count", "articles.down_count", "articles.hot", "articles.shuffle"],
            name="fk_article_topics_articles",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic_key", "article_id", name=op.f("pk_article_topics")),
    )
    op.create_index("ix_article_topics_article_id", "article_topics", ["article_id"], unique=False)
    for column in ("up_count", "down_count", "hot", "shuffle"):
        op.create_index(
            f"ix_article_topics_topic_key_{column}_article_id",
            "article_topics",
            ["topic_key", column, "article_id"],
            unique=False,
        )
    op.create_table(
        "article_downloads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_downloads_article_id_articles"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_article_downloads_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_downloads")),
        sa.UniqueConstraint("article_id", "user_id", name=op.f("uq_article_downloads_article_id_user_id")),
    )
    op.create_index(op.f("ix_article_downloads_user_id"), "article_downloads", ["user_id"], unique=False)
    op.create_table(
        "article_items",
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("url_key", sa.Text(), nullable=False),
        sa.Column(
            "content_type",
            sa.Enum("video", "post", name="content_type", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("thumbnail", sa.Text(), nullable=True),
        sa.Column("favicon", sa.Text(), nullable=True),
        sa.Column("video_length", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_items_article_id_articles"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("article_id", "position", name=op.f("pk_article_items")),
    )
    op.create_table(
        "article_votes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_votes_article_id_articles"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_article_votes_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_votes")),
        sa.UniqueConstraint("article_id", "user_id", name=op.f("uq_article_votes_article_id_user_id")),
    )
    op.create_index(op.f("ix_article_votes_user_id"), "article_votes", ["user_id"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("up_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("down_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_comments_article_id_articles"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_comments_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index("ix_comments_article_id_id", "comments", ["article_id", "id"], unique=False)
    op.create_index(op.f("ix_comments_user_id"), "comments", ["user_id"], unique=False)
    op.create_table(
        "comment_votes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("comment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_comment_votes_comment_id_comments"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_comment_votes_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_votes")),
        sa.UniqueConstraint("comment_id", "user_id", name=op.f("uq_comment_votes_comment_id_user_id")),
    )
    op.create_index(op.f("ix_comment_votes_user_id"), "comment_votes", ["user_id"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index(op.f("ix_comment_votes_user_id"), table_name="comment_votes")
    op.drop_table("comment_votes")
    op.drop_index(op.f("ix_comments_user_id"), table_name="comments")
    op.drop_index("ix_comments_article_id_id", table_name="comments")
    op.drop_table("comments")
    op.drop_index(op.f("ix_article_votes_user_id"), table_name="article_votes")
    op.drop_table("article_votes")
    op.drop_table("article_items")
    op.drop_index(op.f("ix_article_downloads_user_id"), table_name="article_downloads")
    op.drop_table("article_downloads")
    op.drop_table("article_topics")
    op.drop_index("ix_articles_user_id_id", table_name="articles")
    op.drop_index("ix_articles_up_count_id", table_name="articles")
    op.drop_index("ix_articles_shuffle_id", table_name="articles")
    op.drop_index("ix_articles_hot_id", table_name="articles")
    op.drop_index("ix_articles_down_count_id", table_name="articles")
    op.drop_table("articles")
