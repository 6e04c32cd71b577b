"""Verify, room 5.  Forgetting: which rows are gone from when on, and what says so (docs/semantics.md, part 8).

`forget`    each consumed `forget` at its row: (p, o, row, person, passed, owner, accepted); `owner` as it was then.
`gone`      (p, row, o): the record that was the first to be accepted at its row; what comes after it is not taken in.

`prepare` takes what comes to rows that are gone out of `entry` and `tie`, so that all other rooms need not know of it.
Whether a row accepts depends on its own earlier records alone, so it can be told from ties that know no forgetting.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify import ties
from agents.verify.report import Check
from agents.verify.world import CONTRIBUTIONS, PROFILE_VIEWS, USER_EVENTS

FORGET = f"""CREATE TABLE forget AS
    SELECT f.*, tie.person AS owner, CASE WHEN f.person IS NULL THEN tie.person IS NULL OR passed >= {ties.LONGEST_PATH}
        ELSE coalesce(f.person = tie.person, false) END AS accepted
    FROM (SELECT p, o, alias AS row, person, coalesce(passed, 0) AS passed FROM ue WHERE kind = 'forget' AND done) f
    ASOF LEFT JOIN tie ON tie.p = f.p AND tie.row = f.row AND tie.o <= f.o"""
"""Who hears an operator's word after so many others is forgotten whether it has an owner or not."""

GONE = "CREATE TABLE gone AS SELECT p, row, min(o) AS o FROM forget WHERE accepted GROUP BY p, row"

LEAVE_OUT = (
    "DELETE FROM entry USING gone WHERE gone.p = entry.p AND gone.row = entry.row AND gone.o < entry.o",
    "DELETE FROM tie USING gone WHERE gone.p = tie.p AND gone.row = tie.row AND gone.o < tie.o",
    "UPDATE tie SET until = least(until, gone.o) FROM gone WHERE gone.p = tie.p AND gone.row = tie.row",
)

MESSAGES = f"""WITH wanted AS (
        SELECT f.p AS sp, f.o AS so, owner AS alias, '' AS person, passed + 1 AS passed
            FROM forget f LEFT JOIN gone ON gone.p = f.p AND gone.row = f.row
            WHERE f.person IS NULL AND NOT accepted AND f.o < coalesce(gone.o, f.o + 1)
        UNION ALL SELECT gone.p, gone.o, stay.alias, gone.row, 0
            FROM gone JOIN stay ON stay.p = gone.p AND stay.row = gone.row AND stay.until = gone.o
            WHERE len(path) = 1
        UNION ALL SELECT ue.p, ue.o, ue.alias, gone.row, 0
            FROM ue JOIN gone ON gone.p = ue.p AND gone.row = ue.person AND gone.o < ue.o
            WHERE ue.done AND ue.kind = 'part' AND len(ue.path) = 1),
    made AS (
        SELECT sp, so, alias, coalesce(person, '') AS person, count(*) AS times, bool_and(key = alias) AS keyed,
            any_value(coalesce(passed, 0)) AS passed, min(p) AS p, min(o) AS o
        FROM ue WHERE kind = 'forget' AND st = '{USER_EVENTS}'
            AND so < coalesce((SELECT d.o FROM done d WHERE d.topic = st AND d.p = sp), 0) GROUP BY ALL)
    SELECT '{USER_EVENTS}/' || sp || '/' || so, alias, 'forget of ' || alias
        || CASE person WHEN '' THEN '' ELSE ' with ' || person END || ': '
        || CASE WHEN w.passed IS NULL THEN 'nothing demands it' WHEN times IS NULL THEN 'is missing'
            WHEN NOT keyed THEN 'is not keyed by its alias' WHEN times > 1 THEN 'is there ' || times || ' times'
            ELSE 'passed is ' || m.passed || ', is to be ' || w.passed END
        || coalesce(', at {USER_EVENTS}/' || m.p || '/' || m.o, '')
    FROM wanted w FULL JOIN made m USING (sp, so, alias, person)
    WHERE NOT coalesce(times = 1 AND keyed AND m.passed = w.passed, false) ORDER BY sp, so, alias"""

STILL_THERE = f"""WITH said AS (
        SELECT topic, m.p, key, max(m.o) FILTER (digest IS NOT NULL) AS value_at,
            CASE topic WHEN '{PROFILE_VIEWS}' THEN min(m.o) FILTER (digest IS NULL)
                ELSE max(m.o) FILTER (digest IS NULL) END AS null_at
        FROM message m JOIN gone ON gone.p = m.p AND gone.row = m.key
        WHERE topic IN ('{PROFILE_VIEWS}', '{CONTRIBUTIONS}') GROUP BY topic, m.p, key)
    SELECT topic || '/' || p || '/' || value_at, key, CASE WHEN null_at IS NULL THEN 'is forgotten, and was not deleted'
        ELSE 'is forgotten, and is there again' END
    FROM said WHERE value_at > coalesce(null_at, -1) ORDER BY topic, p, value_at"""
"""Compaction takes a null away some time after what it deletes: of whom nothing is there is as it has to be."""


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and `tie`, and leave out what gone rows do not take in; needs those of `log.prepare`."""
    ties.owners(con)
    for statement in (FORGET, GONE, *LEAVE_OUT):
        con.execute(statement)


def gone(con: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], int]:
    """Give the offset from which each row that was forgotten is gone, by (partition, row)."""
    return {(p, row): o for p, row, o in con.execute("SELECT p, row, o FROM gone ORDER BY p, o").fetchall()}


def check(con: duckdb.DuckDBPyConnection) -> Check:
    """Compare the messages `forget` that others make, and look whether documents of gone rows are deleted.

    Needs `ties.prepare`.
    """
    found = Check("forgotten")
    found.compared = len(con.execute("SELECT 1 FROM forget").fetchall())
    found.differ_all(con.execute(MESSAGES).fetchall())
    found.differ_all(con.execute(STILL_THERE).fetchall())
    return found
