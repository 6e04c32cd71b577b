"""The query of docs/attribution.md, run by DuckDB as it stands there, gives the integers of the code."""

import re
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.activity import Touch
from streams.attribution.models import DECAY, Model, credit, eligible
from streams.instants import DAY_MS
from tests.streams.attribution.paths import T0, amounts, touches

PAGE = (Path(__file__).parents[3] / "docs" / "attribution.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
TABLES = """
CREATE OR REPLACE TABLE conversions (id INT, at_ms BIGINT, amount BIGINT, lookback_ms BIGINT);
CREATE OR REPLACE TABLE touches (
    id INT, at_ms BIGINT, key BLOB, channel TEXT, ga4 TEXT, campaign TEXT, source TEXT, referrer TEXT
);
"""

Case = tuple[int, int, list[Touch]]
"""Amount, lookback, touches of one conversion at T0."""
lookbacks = st.one_of(st.integers(1, 400 * DAY_MS), st.sampled_from([7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS]))
cases = st.lists(st.tuples(amounts, lookbacks, st.lists(touches, max_size=12)), max_size=30)


def by_sql(found: list[Case]) -> list[tuple[int, str, int, int]]:
    with duckdb.connect() as database:
        database.execute(TABLES)
        for number, (amount, lookback_ms, known) in enumerate(found):
            database.execute("INSERT INTO conversions VALUES (?, ?, ?, ?)", [number, T0, amount, lookback_ms])
            for one in known:
                of = one.source
                shown = [of.channel, of.ga4, of.campaign, of.source, of.referrer]
                database.execute(
                    "INSERT INTO touches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [number, one.at, one.key, *shown]
                )
        return database.execute(QUERIES[0]).fetchall()


def by_code(found: list[Case]) -> list[tuple[int, str, int, int]]:
    return [
        (number, model, place, part)
        for number, (amount, lookback_ms, known) in enumerate(found)
        for model in sorted(Model)
        for place, part in enumerate(credit(amount, model, eligible(known, T0, lookback_ms)), 1)
    ]


def test_the_page_has_one_query_with_the_table_of_the_code() -> None:
    assert [tuple(map(int, re.findall(r"\b\d{10}\b", query))) for query in QUERIES] == [DECAY]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases)
def test_the_query_gives_what_the_code_gives(found: list[Case]) -> None:
    assert by_sql(found) == by_code(found)
