"""The analyzer that only sees colors."""

from pathlib import Path

import pytest

from daybook.diary.analyzers.offline import OfflineAnalyzer
from daybook.diary.enums import IngredientColor
from daybook.diary.errors import NothingRecognised
from daybook.diary.photos.preparer import PhotoPreparer
from tests.fixtures.pictures import jpeg

COFFEE = Path(__file__).parents[3] / "docs/images/coffee.jpg"
GREEN, RED, BEIGE, BLACK = "#28a03c", "#be1e1e", "#dec496", "#050505"


@pytest.mark.parametrize(
    ("colors", "found", "healthy"),
    [
        ((GREEN, GREEN, BEIGE, BLACK), [IngredientColor.GREEN, IngredientColor.TEAL], True),
        ((RED, RED, BEIGE, BLACK), [IngredientColor.RED, IngredientColor.TEAL], False),
        ((BEIGE, BEIGE, BEIGE, BLACK), [IngredientColor.TEAL], True),
        ((RED, GREEN, GREEN, "white"), [IngredientColor.GREEN, IngredientColor.RED], True),
    ],
)
async def test_colors_are_named_the_largest_first(
    colors: tuple[str, ...], found: list[IngredientColor], healthy: bool
) -> None:
    findings = (await OfflineAnalyzer().food(jpeg((200, 200), colors))).findings
    assert [ingredient.color for ingredient in findings.ingredients] == found
    assert findings.is_healthy is healthy
    assert findings.estimated_calories is None


@pytest.mark.parametrize("colors", [(BEIGE,) * 4, ("white",) * 4])
async def test_a_blank_picture_holds_nothing(colors: tuple[str, ...]) -> None:
    blank = jpeg((200, 200), colors)
    with pytest.raises(NothingRecognised):
        await OfflineAnalyzer().food(blank)
    with pytest.raises(NothingRecognised):
        await OfflineAnalyzer().exercise(blank)


async def test_a_plate_without_a_meal_holds_nothing() -> None:
    with pytest.raises(NothingRecognised):
        await OfflineAnalyzer().food(jpeg((200, 200), ("white", "gray", BLACK, "blue")))


async def test_the_sample_photo_is_a_sensible_meal() -> None:
    preparer = PhotoPreparer()
    photo = await preparer.prepare(COFFEE.read_bytes())
    await preparer.close()
    findings = (await OfflineAnalyzer().food(photo.data)).findings
    assert IngredientColor.TEAL in {ingredient.color for ingredient in findings.ingredients}
    assert (await OfflineAnalyzer().exercise(photo.data)).findings.exercise_type == "exercise"
