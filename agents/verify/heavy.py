"""Verify, room 5c.  Heavy: series so long that hour buckets are kept instead of instants (semantics, part 3).

Buckets depend on the order of arrival; they are not retold here.  What they can touch is named instead, and left
unchecked: counts of such a series, and segments where buckets may have swallowed what the clock had not reached.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from agents.verify.rules import DAY_MS, Rules

STORED_EXACTLY = 1024
"""Events of one name in one part up to which everything is exact."""

BLURRED = f"segments of people with over {STORED_EXACTLY} stored events of a name, ahead of the clock"
"""Why something is unchecked."""

SERIES = f"""WITH counted AS (SELECT * FROM copy WHERE NOT late AND name <> ''),
    long AS (SELECT p, row, alias, epoch, name FROM counted GROUP BY ALL HAVING count(*) > {STORED_EXACTLY})
    SELECT p, row, name, list({{'o': o, 'ms': ms, 'clock': clock}} ORDER BY o, ms)
    FROM counted SEMI JOIN long USING (p, row, alias, epoch, name) GROUP BY p, row, alias, epoch, name"""  # noqa: S608

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Heavy:
    """Who is affected; mostly nobody."""

    series: frozenset[tuple[int, str, str]]
    """(partition, person, name) of which counts are inexact."""
    counted: frozenset[Key]
    """People of whom a rule counts such a name: the counts in what was announced are inexact."""
    blurred: frozenset[Key]
    """Those of them whose segments cannot be recomputed."""


def find(con: duckdb.DuckDBPyConnection, rules: Rules) -> Heavy:
    """Replay the arrivals of the long series; needs the tables of `rows.prepare`."""
    most: dict[str, int] = {}
    for one in (one for segment in rules.segments for one in segment.conditions):
        most[one.event] = max(one.required, most.get(one.event, 0))
    series, counted, blurred = set(), set(), set()
    for p, row, name, arrivals in con.execute(SERIES).fetchall():
        full, blind = overflow(((one["ms"], one["clock"]) for one in arrivals), most.get(name, 0), rules.horizon_ms)
        if full:
            series.add((p, row, name))
        if full and name in most:
            counted.add((p, row))
        if blind:
            blurred.add((p, row))
    return Heavy(frozenset(series), frozenset(counted), frozenset(blurred))


def overflow(arrivals: Iterable[tuple[int, int | None]], required: int, horizon_ms: int) -> tuple[bool, bool]:
    """Say of (instant, clock), as they arrive, whether over 1,024 were ever stored, and whether a rule went blind.

    It does where fewer than `required` of those that are surely kept - the newest 1,024 and those of the last
    24 hours - are at or before the clock.
    """
    stored: list[int] = []
    full = blind = False
    for at, clock in arrivals:
        insort(stored, at)
        if clock is not None and stored[0] <= clock - horizon_ms:
            del stored[: bisect_right(stored, clock - horizon_ms)]
        if len(stored) > STORED_EXACTLY:
            full = True
            kept_from = min(bisect_right(stored, stored[-1] - DAY_MS), len(stored) - STORED_EXACTLY)
            passed = bisect_right(stored, clock) if clock is not None else 0
            blind = blind or required > max(0, passed - kept_from)
    return full, blind
