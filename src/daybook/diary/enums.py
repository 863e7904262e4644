"""The enumerations of a diary, the same in the database and on the wire."""

from enum import StrEnum


class MealType(StrEnum):
    """Which meal of the day a food log is."""

    BREAKFAST = "breakfast"
    LUNCH = "lunch"
    DINNER = "dinner"
    SNACK = "snack"


class IngredientColor(StrEnum):
    """What an ingredient is made of."""

    GREEN = "green"
    """Plants."""
    RED = "red"
    """Meat, fish and seafood."""
    TEAL = "teal"
    """Grains, dairy, sauces and the rest."""


class AnalysisKind(StrEnum):
    """What a photo is analyzed for."""

    FOOD = "food"
    EXERCISE = "exercise"


class AnalysisStatus(StrEnum):
    """The state of an analysis."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
