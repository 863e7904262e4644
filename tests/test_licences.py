"""No copyleft that reaches the whole program comes with it: `make licences`."""

from importlib.metadata import distribution

from scripts.licences import licence, objections, runtime


def test_nothing_that_daybook_runs_with_is_under_the_gpl() -> None:
    packages = list(runtime())
    assert len(packages) > 50
    assert {package.name: found for package in packages if (found := objections(package))} == {}
    assert [package.name for package in packages if licence(package) == "unknown"] == []


def test_what_a_wheel_holds_besides_its_own_code_counts() -> None:
    encoder = distribution("pillow-heif")  # for making the tests' photos; it holds x265
    assert licence(encoder) == "BSD-3-Clause"
    assert any("GPLv2" in objection for objection in objections(encoder))
    assert objections(distribution("pi-heif")) == []
