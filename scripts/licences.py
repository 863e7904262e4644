"""Lists the licences of what Daybook runs with, and fails on the GPL and the AGPL. `make licences`.

A wheel's metadata speaks for its own code only; what it holds besides (libraries in C, mostly) is in its licence files.
The LGPL is fine: those libraries are linked to, and whoever has the wheel can change them.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
LICENCE_FILE = re.compile(r"licen[sc]e|copying|notice|authors", re.IGNORECASE)
REFUSED = re.compile(
    r"(?<!Lesser )(?<!Library )(?<![-\w])(?:A?GPL|GNU (?:Affero )?General Public License)", re.IGNORECASE
)
PERMITTED = re.compile(r"exception|\bWITH\b|\bOR\b")
"""What makes such a licence harmless: the GCC runtime's exception, say, or that another one may be chosen."""
STATEMENT = re.compile(r"^[\W_]*(?:SPDX-)?licen[sc]e\b[^:]*:(?P<licence>.+)", re.IGNORECASE)
TITLE = re.compile(r"^\s*GNU (AFFERO )?GENERAL PUBLIC LICENSE\s*$")
LESSER = re.compile(r"^\s*GNU LESSER GENERAL PUBLIC LICENSE\s*$", re.MULTILINE)


def runtime() -> Iterator[Distribution]:
    """Yield what requirements.lock names, as far as it is for this platform."""
    for name in re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE):
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue


def licence(package: Distribution) -> str:
    """Return what a package's metadata says of its licence."""
    metadata = package.metadata
    classifiers = [text for text in metadata.get_all("Classifier", []) if text.startswith("License :: ")]
    named = [text.rpartition(" :: ")[2] for text in classifiers]
    [expression, *_] = metadata.get_all("License-Expression", [""])
    [text, *_] = metadata.get_all("License", ["unknown"])
    return expression or "; ".join(named) or text.splitlines()[0]


def objections(package: Distribution) -> list[str]:
    """Return each statement that puts the package, or what its wheel holds, under the GPL or the AGPL."""
    stated = licence(package)
    found = [stated] if REFUSED.search(stated) and not PERMITTED.search(stated) else []
    for file in package.files or []:
        if ".dist-info" in file.parts[0] and LICENCE_FILE.search(file.name):
            found += [f"{file.name}: {line}" for line in _refused(Path(str(file.locate())))]
    return found


def _refused(file: Path) -> Iterator[str]:
    text = file.read_text(errors="replace")
    for line in text.splitlines():
        statement = STATEMENT.search(line)
        if statement and REFUSED.search(statement["licence"]) and not PERMITTED.search(line):
            yield line.strip()
        # The LGPL adds to the GPL, and so is often followed by it.
        if TITLE.search(line) and not LESSER.search(text):
            yield line.strip()


def main() -> int:
    """Print each package with its licence; 1 when there is an objection."""
    refused = False
    for package in runtime():
        print(f"{package.name} {package.version}: {licence(package)}")
        for objection in objections(package):
            refused = True
            print(f"  refused: {objection}")
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
