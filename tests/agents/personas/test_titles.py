"""Titles from files: spreadsheets, exports, and plain lists."""

from pathlib import Path

import pytest

from agents.personas import titles
from agents.tables import TableError


def read(folder: Path, text: str | bytes, name: str = "titles.txt") -> titles.Titles:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return titles.read(str(file))


@pytest.mark.parametrize(
    "text",
    [
        'title,count\n"VP, Product",2\nCTO,3\n',
        'Id,TITLE ,Count\r\n1,"VP, Product",2\r\n2,CTO,3\r\n',
        '\ufeffcount;Title\n2;"VP, Product"\n\n3;CTO\n',
        "title\tcount\nVP, Product\t2\nCTO\t3\n",
    ],
)
def test_a_csv_has_a_column_of_titles_in_any_case(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ([("VP, Product", 2), ("CTO", 3)], [])


def test_any_other_file_has_a_title_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "VP, Product\n\n CTO \n") == ([("VP, Product", 1), ("CTO", 1)], [])


def test_a_csv_without_the_column_is_read_by_its_first_one(tmp_path: Path) -> None:
    assert read(tmp_path, "CTO,x\nCEO,y\n", "titles.csv") == ([("CTO", 1), ("CEO", 1)], [])
    assert read(tmp_path, "job,count\nCTO,2\n", "titles.csv") == ([("CTO", 2)], [])


def test_a_blank_title_is_people_too(tmp_path: Path) -> None:
    assert read(tmp_path, "title,count\n,5\n").people == [("", 5)]


def test_a_bad_count_is_told_with_its_line_and_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, "title,count\nCTO,many\nCEO,-1\nCOO\nCMO,4\nCIO," + "9" * 5000)
    assert found.people == [("CMO", 4)]
    assert [problem.split(": ")[0].rpartition(":")[2] for problem in found.problems] == ["2", "3", "4", "6"]


@pytest.mark.parametrize(
    ("content", "line"), [(b"title\nCTO\n\xff\n", 3), (b'title\nCTO\n"open\n', 3), (b'title\nCTO\n"a"b\n', 3)]
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    with pytest.raises(TableError, match=rf"titles\.txt:{line}: "):
        read(tmp_path, content)


def test_an_absent_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="away"):
        titles.read(str(tmp_path / "away"))


def test_only_line_ends_end_a_row(tmp_path: Path) -> None:
    assert read(tmp_path, "title,count\nVP\u2028Product,2\n") == ([("VP\u2028Product", 2)], [])
