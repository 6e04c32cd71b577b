"""Verify, room 6c.  Facts: what the log says of each person, for the comparison with their document.

Everything is by (partition, person).  Counts and instants are those at the `as_of` of the person's latest document.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify import touches
from agents.verify.accounts.people import accounts, companies, final
from agents.verify.decide import clocks
from agents.verify.heavy import Heavy
from agents.verify.person import Steps
from agents.verify.rules import DAY_MS, Rules
from agents.verify.salesforce import people as salesforce
from agents.verify.ties import FOREVER
from agents.verify.world import PROFILE_VIEWS

Key = tuple[int, str]

HOUR_MS = 3_600_000

EXPECTED = f"""CREATE TABLE expected AS
    SELECT e.p, e.row, any_value(tie.person) AS merged_into, max(e.o) AS last,
        bool_and(e.kind = 'detach') AS optional,
        row_number() OVER (ORDER BY e.p, e.row) AS id
    FROM entry e ANTI JOIN gone USING (p, row)
    LEFT JOIN tie ON tie.p = e.p AND tie.row = e.row AND tie.until = {FOREVER} GROUP BY e.p, e.row"""

VIEWS = f"""CREATE TABLE shown AS
    SELECT p, key AS row, max(o) AS o, arg_max(value, o) AS value,
        epoch_ms(TRY_CAST(CASE WHEN json_valid(arg_max(value, o)) THEN arg_max(value, o)->>'$.as_of' END AS
            TIMESTAMPTZ)) AS as_of
    FROM message m WHERE topic = '{PROFILE_VIEWS}' AND NOT EXISTS (FROM gone WHERE gone.p = m.p AND gone.row = m.key)
    GROUP BY p, key HAVING arg_max(coalesce(digest, ''), o) <> ''"""
"""Of rows that are gone: see `forgetting`."""

COUNTS = f"""SELECT h.p, h.row, h.name, count(*) FROM held h JOIN shown v ON v.p = h.p AND v.row = h.row
    WHERE h.until = {FOREVER} AND h.name <> '' AND h.ms <= v.as_of AND h.ms > v.as_of - {30 * DAY_MS} GROUP BY ALL"""

MOST = f"""SELECT count(*) FROM copy c JOIN shown v ON v.p = c.p AND v.row = c.row WHERE c.p = ? AND c.row = ?
    AND c.name = ? AND c.ms <= v.as_of AND c.ms > v.as_of - {30 * DAY_MS + HOUR_MS}"""
"""Upper bound of a count with hour buckets: all copies, and the whole of the oldest hour."""

LATEST = f"""WITH stored AS (SELECT p, row, max(ms) AS latest FROM held WHERE until = {FOREVER} GROUP BY p, row),
    every AS (SELECT p, row, list(DISTINCT ms ORDER BY ms) AS every FROM copy WHERE until = {FOREVER} GROUP BY p, row)
    SELECT p, row, latest, every FROM every LEFT JOIN stored USING (p, row)"""

ALIASES = f"SELECT p, row, list(DISTINCT alias) FROM stay WHERE until = {FOREVER} GROUP BY p, row"

MAPS = """SELECT p, row, CASE WHEN json_valid(value) THEN TRY_CAST(value->>'$.persona.map_version' AS BIGINT) END
    FROM shown"""

SAID = "SELECT row, count(DISTINCT target) FROM entry WHERE kind = 'link' GROUP BY row"

CONDITION = f"""SELECT h.p, h.row, h.name, list(h.ms ORDER BY h.ms) FROM held h JOIN shown v ON v.p = h.p AND v.row =
    h.row
    WHERE h.until = {FOREVER} AND h.ms <= v.as_of AND list_contains(?, h.name) AND starts_with(h.row, 'user:') GROUP BY
        ALL"""


@dataclass(frozen=True, slots=True)
class Facts:
    """One value of each person; a person without it is absent."""

    steps: dict[int, Steps]
    """Clock of each partition."""
    counts: dict[Key, dict[str, int]]
    heavy: dict[tuple[int, str, str], int]
    """By (partition, person, name): upper bound of counts that can't be told exactly."""
    latest: dict[Key, tuple[int | None, list[int]]]
    """The latest stored instant, and all instants whether stored or not."""
    aliases: dict[Key, list[str]]
    """Aliases of the parts that are attached."""
    said: dict[str, int]
    """By alias: how many others it was said to be."""
    instants: dict[tuple[int, str, str], list[int]]
    """By (partition, person, name), for the names that rules count: sorted."""
    touched: dict[Key, tuple[Any, ...]]
    """First touch, last touch, last non-direct touch, email, name."""
    salesforce: dict[Key, list[dict[str, Any]]]
    """What the documents show of Salesforce records."""
    account: dict[Key, dict[str, Any]]
    """What the documents show of the person's account."""
    company: dict[Key, dict[str, Any]]
    """And of the company of their address."""
    maps: dict[Key, int | None]
    """By which version of the map file the documents name people; None: they do not."""

    def is_stale(self, key: Key, rules: Rules) -> bool:
        """Say whether a person has been named by former maps, and not by those of today yet, as far as can be told."""
        version = self.maps.get(key)
        return version < rules.personas.version if version is not None else self.has_former(rules)

    def has_former(self, rules: Rules) -> bool:
        """Say whether any document names its person by former maps."""
        return any(one is not None and one < rules.personas.version for one in self.maps.values())


def gather(con: duckdb.DuckDBPyConnection, rules: Rules, heavy: Heavy) -> Facts:
    """Query everything; makes tables `expected` (people by the log) and `shown` (latest documents)."""
    con.execute(EXPECTED)
    con.execute(VIEWS)
    counts: dict[Key, dict[str, int]] = {}
    for p, row, name, count in con.execute(COUNTS).fetchall():
        counts.setdefault((p, row), {})[name] = count
    names = sorted({one.event for segment in rules.segments for one in segment.conditions})
    records, told = salesforce.held(con), final(con)
    return Facts(
        steps=clocks(con),
        counts=counts,
        heavy={one: _first(con.execute(MOST, list(one)).fetchone()) for one in heavy.series},
        latest={(p, row): (latest, every) for p, row, latest, every in con.execute(LATEST).fetchall()},
        aliases={(p, row): aliases for p, row, aliases in con.execute(ALIASES).fetchall()},
        said=dict(con.execute(SAID).fetchall()),
        instants={(p, row, name): ats for p, row, name, ats in con.execute(CONDITION, [names]).fetchall()},
        touched=_final_touches(con),
        salesforce={key: [one.document() for one in found] for key, found in records.items()},
        account=accounts(told, records),
        company=companies(told),
        maps={(p, row): version for p, row, version in con.execute(MAPS).fetchall()},
    )


def _first(row: tuple[int, ...] | None) -> int:
    return row[0] if row else 0


def _final_touches(con: duckdb.DuckDBPyConnection) -> dict[Key, tuple[Any, ...]]:
    con.execute(
        f"""CREATE OR REPLACE TABLE snapshot AS SELECT id, p, row, {FOREVER - 1} AS o
        FROM expected WHERE merged_into IS NULL"""
    )
    touches.take(con)
    query = "SELECT p, row, first, last, non_direct, email, name FROM touched JOIN snapshot USING (id)"
    return {(p, row): tuple(rest) for p, row, *rest in con.execute(query).fetchall()}
