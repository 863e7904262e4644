"""The docs hold together: what is there is listed, what is linked to is there, and pictures show what is."""

from pathlib import Path

from scripts.floors import PICTURE, picture

ROOT = Path(__file__).parents[1]


def test_the_floors_are_drawn_as_the_contracts_say() -> None:
    assert PICTURE.read_text() == picture(), "make floors draws them again"
