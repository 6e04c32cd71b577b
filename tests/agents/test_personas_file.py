"""The map file: read whole or not at all, every mistake with its line."""

import re
from pathlib import Path

import pytest

from agents.personas_file import SHIPPED, MapsFileError, load, shipped

DEFAULT = Path(__file__).parents[2] / "agents" / SHIPPED


def told(path: Path) -> list[str]:
    with pytest.raises(MapsFileError) as raised:
        load(path)
    return str(raised.value).splitlines()


def line_with(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_without_a_path_the_shipped_maps_are_read() -> None:
    assert load(None) == shipped() == load(DEFAULT)
    assert shipped().seniorities[0].name == "c-level"


def test_each_mistake_has_its_line(tmp_path: Path) -> None:
    text = DEFAULT.read_text()
    text = text.replace('"product owner", ', '"product owner", "?!",', 1)
    text = text.replace("[[sizes]]\n", "[[sizes]]\nbiggest = 3\n", 1)
    file = tmp_path / "maps.toml"
    file.write_text(text)
    assert [line.partition(": ")[0] for line in told(file)] == [f"{file}:{line_with(text, 'biggest')}"]
    text = text.replace("biggest = 3\n", "").replace("at_least = 51\n", "at_least = 7\n")
    file.write_text(text)
    lines = told(file)
    assert [line.partition(": ")[0] for line in lines] == [
        f"{file}:{line_with(text, '?!')}",
        f"{file}:{line_with(text, 'at_least = 7')}",
    ]
    assert re.search(r"roles\[1\]\.phrases\[\d+\]: '\?!' has no word", lines[0])


def test_what_is_absent_has_the_line_of_what_it_belongs_in(tmp_path: Path) -> None:
    file = tmp_path / "maps.toml"
    file.write_text(DEFAULT.read_text().replace('name = "design"\n', "", 1))
    (line,) = told(file)
    headers = [number for number, each in enumerate(file.read_text().splitlines(), 1) if each == "[[roles]]"]
    assert line == f"{file}:{headers[3]}: roles[4].name: Field required"


@pytest.mark.parametrize("content", [None, b"\xff", b"version = ", b"#" * ((1 << 20) + 1), b""])
def test_a_file_that_is_no_map_file_is_told_by_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "maps.toml"
    if content is not None:
        file.write_bytes(content)
    assert all(line.startswith(f"{file}:") for line in told(file))
