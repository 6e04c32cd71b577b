"""The org's SOQL: which rows a query finds, in which order."""

import pytest

from agents.local.org.soql import SoqlError, parse

ROWS = [
    {"Id": "1", "Name": "Ada", "Age": 30, "At": "2026-01-01T00:00:00.000+0000", "Out": False},
    {"Id": "2", "Name": "O'Neil", "Age": None, "At": "2026-01-02T00:00:00.000+0000", "Out": True},
    {"Id": "3", "Name": "Bo", "Age": 7, "At": "2026-01-02T00:00:00.000+0000", "Out": False},
]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("", "123"),
        ("WHERE Name = 'O\\'Neil'", "2"),
        ("where Age >= 7 and Age < 30", "3"),
        ("WHERE Age != null", "13"),
        ("WHERE Id IN ('1', '3')", "13"),
        ("WHERE NOT Id IN ('1')", "23"),
        ("WHERE At > 2026-01-01T00:00:00Z", "23"),
        ("WHERE At > 2026-01-02T01:00:00.000+02:00", "23"),
        ("WHERE At > 2026-01-01T00:00:00Z OR (Out = false AND Name = 'Ada')", "123"),
        ("ORDER BY At DESC, Id LIMIT 2", "23"),
        ("ORDER BY Name", "132"),
        ("ALL ROWS", "123"),
    ],
)
def test_a_query_finds_these_rows(condition: str, ids: str) -> None:
    assert "".join(row["Id"] for row in parse(f"SELECT Id, Name FROM Thing {condition}").run(ROWS)) == ids


def test_count_has_no_fields() -> None:
    assert parse("SELECT COUNT() FROM Thing").fields == []


@pytest.mark.parametrize(
    "text", ["", "SELECT", "SELECT Id", "SELECT Id FROM x WHERE", "SELECT Id FROM x y", "SELECT Id FROM x WHERE a ~ 1"]
)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(SoqlError):
        parse(text)
