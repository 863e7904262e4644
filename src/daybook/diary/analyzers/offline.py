"""The analyzer without an API key: it knows a picture's colors, and claims no more than they show."""

import asyncio
import colorsys
import io

from daybook.diary.analyzers.analyzer import ExerciseFindings, FoodFindings, ModelAnswer, Usage
from daybook.diary.enums import IngredientColor
from daybook.diary.errors import NothingRecognised
from daybook.diary.schemas import Ingredient

NAMES = {
    IngredientColor.GREEN: "something green, perhaps vegetables",
    IngredientColor.RED: "something red, perhaps meat or fish",
    IngredientColor.TEAL: "something pale or brown, perhaps grains, dairy or sauce",
}
ENOUGH = 0.05
"""The least share of a picture for a color to be named."""
NOTHING = "The offline analyzer finds no colors of food in this picture."


class OfflineAnalyzer:
    """Names what is green, red or neither. It estimates no calories, and cannot recognize exercise."""

    model = "offline"
    prompt_version = "colors-2"

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return the colors of food in the picture, the largest share first; NothingRecognised if there are none."""
        shares = await asyncio.to_thread(_shares, photo)
        found = sorted(((share, color) for color, share in shares.items() if share >= ENOUGH), reverse=True)
        if not found:
            raise NothingRecognised(NOTHING)
        ingredients = [Ingredient(name=NAMES[color], color=color) for _, color in found]
        healthy = shares[IngredientColor.GREEN] >= shares[IngredientColor.RED]
        return ModelAnswer(FoodFindings(is_healthy=healthy, ingredients=ingredients), Usage())

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return "exercise", which is what the person says it is; NothingRecognised for a picture of one color."""
        if not await asyncio.to_thread(_shares, photo):
            raise NothingRecognised(NOTHING)
        return ModelAnswer(ExerciseFindings(exercise_type="exercise"), Usage())

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def _shares(photo: bytes) -> dict[IngredientColor, float]:
    """Return the share (0 to 1) of each color in the picture; no shares for a picture of a single color."""
    from PIL import Image, ImageStat  # noqa: PLC0415 - Pillow is loaded at first use

    with Image.open(io.BytesIO(photo)) as image:
        small = image.convert("RGB").resize((48, 48))
    if max(ImageStat.Stat(small).stddev) < 4:
        return {}
    counts = dict.fromkeys(IngredientColor, 0)
    pixels = small.tobytes()
    for at in range(0, len(pixels), 3):
        color = _color(pixels[at], pixels[at + 1], pixels[at + 2])
        if color is not None:
            counts[color] += 1
    return {color: count / (len(pixels) // 3) for color, count in counts.items()}


def _color(red: int, green: int, blue: int) -> IngredientColor | None:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < 0.12 or saturation < 0.12 or 0.5 <= hue <= 0.8:
        return None  # shadow, plate or table; hardly any food is blue
    if saturation > 0.2 and 0.17 < hue < 0.5:
        return IngredientColor.GREEN
    if saturation > 0.45 and (hue < 0.045 or hue > 0.92):
        return IngredientColor.RED
    return IngredientColor.TEAL
