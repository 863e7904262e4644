"""Draws docs/images/floors.svg: the layers of Daybook and of its features, from the import contracts in pyproject.toml.

`make floors`, or `python -m scripts.floors`. A test compares the picture with what this returns, so that it stays true.
"""

import ast
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "floors.svg"

WIDTH, LEFT, RIGHT, TOP, GAP, PADDING = 920, 64, 24, 92, 8, 14
PLAIN, SIDE = 38, 190
"""The height of a floor without layers of its own, and the width of a name beside the layers of a feature."""
LINE, PILL, BETWEEN = 15, 22, 4
"""The heights of a line of text and of an inner layer, and the space between two of these."""
CHARACTER = 6.0
"""The width of a character of a note, about."""
STYLE = """
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .name { font-weight: 600; fill: #0f7b6c }
    .note { font-size: 11.5px; fill: #59636e }
    .module { font-size: 12px; text-anchor: middle }
    .ground { fill: #ffffff }
    .floor { fill: #f6f8fa; stroke: #d1d9e0 }
    .layer { fill: #e3f1ee }
    .arrow { stroke: #0f7b6c; stroke-width: 2; fill: none }
    .imports { text-anchor: middle; font-weight: 600; fill: #0f7b6c }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .name, .imports { fill: #3fbfa9 }
      .note { fill: #9198a1 }
      .ground { fill: #0d1117 }
      .floor { fill: #151b23; stroke: #3d444d }
      .layer { fill: #1b3a36 }
      .arrow { stroke: #3fbfa9 }
    }
"""

Layers = list[list[str]]
"""From the top down; the modules of a layer may not import each other."""


@dataclass(frozen=True)
class Module:
    """One of the house's modules, as it is drawn."""

    name: str
    summary: str
    """The first sentence of its docstring."""
    layers: Layers
    """Its own, if a contract orders them."""


def contracts() -> dict[str, Layers]:
    """Return the layers of each container of modules, as the contracts of import-linter order them."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        container: [[module.strip() for module in layer.split("|")] for layer in contract["layers"]]
        for contract in configuration["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def house() -> list[list[Module]]:
    """Return Daybook's floors from the top down, each with the modules that stand side by side on it."""
    layers = contracts()
    return [
        [Module(name, _summary(name), layers.get(f"daybook.{name}", [])) for name in floor]
        for floor in layers["daybook"]
    ]


def picture() -> str:
    """Return the picture as SVG, readable on light and on dark."""
    parts: list[str] = []
    y = float(TOP)
    for floor in house():
        width = (WIDTH - LEFT - RIGHT - GAP * (len(floor) - 1)) / len(floor)
        height = max(_height(module, width, alone=len(floor) == 1) for module in floor)
        for number, module in enumerate(floor):
            parts += _draw(module, LEFT + number * (width + GAP), y, width, height, alone=len(floor) == 1)
        y += height + GAP
    bottom = y - GAP
    middle = (TOP + bottom) / 2
    arrow = f"M 38 {TOP} V {bottom - 2:.0f} M 31 {bottom - 11:.0f} L 38 {bottom - 2:.0f} L 45 {bottom - 11:.0f}"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 24:.0f}" width="{WIDTH}" '
                f'height="{bottom + 24:.0f}" role="img" aria-labelledby="title">'
            ),
            '<title id="title">The layers of Daybook: which module may import which</title>',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{bottom + 24:.0f}"/>',
            _text(LEFT, 34, "Imports run downward", "title"),
            _text(
                LEFT,
                58,
                "A module may import what stands below it, never what stands above it or beside it on the same floor.",
                "note",
            ),
            _text(LEFT, 75, "The same holds inside each feature. make check fails when an import breaks it.", "note"),
            f'<path class="arrow" d="{arrow}"/>',
            f'<text class="imports" transform="translate(26 {middle:.0f}) rotate(-90)">imports</text>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _height(module: Module, width: float, *, alone: bool) -> float:
    if not alone:
        return PADDING * 2 + LINE * (1 + len(_lines(module, width))) + _stack(module) + (6 if module.layers else -4)
    return PADDING * 2 + _stack(module) if module.layers else PLAIN


def _stack(module: Module) -> float:
    return len(module.layers) * (PILL + BETWEEN) - BETWEEN if module.layers else 0


def _draw(module: Module, x: float, y: float, width: float, height: float, *, alone: bool) -> list[str]:
    parts = [f'<rect class="floor" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>']
    left = x + PADDING
    if alone and not module.layers:
        middle = y + height / 2 + 4.5
        return [*parts, _text(left, middle, module.name, "name"), _text(x + SIDE, middle, module.summary, "note")]
    parts.append(_text(left, y + PADDING + 10, module.name, "name"))
    lines = _lines(module, SIDE if alone else width)
    parts += [_text(left, y + PADDING + 12 + LINE * number, line, "note") for number, line in enumerate(lines, 1)]
    if alone:
        return parts + _draw_layers(module.layers, x + SIDE, y + PADDING, width - SIDE - PADDING)
    top = y + PADDING + LINE * (1 + len(lines)) + 6
    return parts + _draw_layers(module.layers, left, top, width - PADDING * 2)


def _draw_layers(layers: Layers, x: float, y: float, width: float) -> list[str]:
    parts = []
    for number, modules in enumerate(layers):
        top = y + number * (PILL + BETWEEN)
        each = (width - BETWEEN * (len(modules) - 1)) / len(modules)
        for position, name in enumerate(modules):
            left = x + position * (each + BETWEEN)
            parts += [
                f'<rect class="layer" x="{left:.1f}" y="{top:.0f}" width="{each:.1f}" height="{PILL}" rx="4"/>',
                _text(left + each / 2, top + PILL / 2 + 4, name, "module"),
            ]
    return parts


def _lines(module: Module, width: float) -> list[str]:
    return wrap(module.summary, int((width - PADDING * 2) / CHARACTER))


def _summary(name: str) -> str:
    path = ROOT / "src" / "daybook" / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].partition(". ")[0].rstrip(".").replace("`", "")


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
