"""Meals with their ingredients, and exercise.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "food_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "meal_type",
            sa.Enum(
                "breakfast",
                "lunch",
                "dinner",
                "snack",
                name="meal_type",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("is_healthy", sa.Boolean(), nullable=True),
        sa.Column("estimated_calories", sa.Integer(), nullable=True),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("photo_id", sa.Uuid(), nullable=True),
        sa.Column("analysis_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["analysis_id", "user_id"],
            ["analyses.id", "analyses.user_id"],
            name=op.f("fk_food_logs_analysis_id_user_id_analyses"),
            ondelete="SET NULL (analysis_id)",
        ),
        sa.ForeignKeyConstraint(
            ["photo_id", "user_id"],
            ["photos.id", "photos.user_id"],
            name=op.f("fk_food_logs_photo_id_user_id_photos"),
            ondelete="SET NULL (photo_id)",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_food_logs_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_food_logs")),
    )
    op.create_index(
        "ix_food_logs_analysis_id",
        "food_logs",
        ["analysis_id"],
        unique=False,
        postgresql_where=sa.text("analysis_id IS NOT NULL"),
    )
    op.create_index(
        "ix_food_logs_photo_id",
        "food_logs",
        ["photo_id"],
        unique=False,
        postgresql_where=sa.text("photo_id IS NOT NULL"),
    )
    op.create_index("ix_food_logs_user_id_date_id", "food_logs", ["user_id", "date", "id"], unique=False)
    op.create_table(
        "food_ingredients",
        sa.Column("food_log_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "color",
            sa.Enum("green", "red", "teal", name="color", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("grams", sa.Double(), nullable=True),
        sa.Column("calories", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["food_log_id"],
            ["food_logs.id"],
            name=op.f("fk_food_ingredients_food_log_id_food_logs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("food_log_id", "position", name=op.f("pk_food_ingredients")),
    )
    op.create_table(
        "exercise_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("exercise_type", sa.Text(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("calories", sa.Integer(), nullable=True),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("photo_id", sa.Uuid(), nullable=True),
        sa.Column("analysis_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["analysis_id", "user_id"],
            ["analyses.id", "analyses.user_id"],
            name=op.f("fk_exercise_logs_analysis_id_user_id_analyses"),
            ondelete="SET NULL (analysis_id)",
        ),
        sa.ForeignKeyConstraint(
            ["photo_id", "user_id"],
            ["photos.id", "photos.user_id"],
            name=op.f("fk_exercise_logs_photo_id_user_id_photos"),
            ondelete="SET NULL (photo_id)",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_exercise_logs_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exercise_logs")),
    )
    op.create_index(
        "ix_exercise_logs_analysis_id",
        "exercise_logs",
        ["analysis_id"],
        unique=False,
        postgresql_where=sa.text("analysis_id IS NOT NULL"),
    )
    op.create_index(
        "ix_exercise_logs_photo_id",
        "exercise_logs",
        ["photo_id"],
        unique=False,
        postgresql_where=sa.text("photo_id IS NOT NULL"),
    )
    op.create_index("ix_exercise_logs_user_id_date_id", "exercise_logs", ["user_id", "date", "id"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("exercise_logs")
    op.drop_table("food_ingredients")
    op.drop_table("food_logs")
