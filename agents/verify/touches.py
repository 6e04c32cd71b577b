"""Verify, room 5b.  Touches, email and name of a row at a log position (docs/semantics.md, part 4).

In: table `snapshot` (id, p, row, o): a row after the record at offset o of its partition.
Out: table `touched` (id, first, last, non_direct, email, name); a touch is a struct (at, source as JSON text) or null.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify.rules import Rules

FIRST = """CREATE OR REPLACE TABLE first_touch AS
    SELECT s.id, arg_min({'ms': c.ms, 'source': c.source}, (c.ms, c.okey, c.o)) AS touch
    FROM snapshot s JOIN copy c ON c.p = s.p AND c.row = s.row AND c.o <= s.o AND s.o < c.until
    WHERE c.visit AND c.source IS NOT NULL GROUP BY s.id"""

TRAITS = """CREATE OR REPLACE TABLE trait AS
    SELECT s.id, arg_max(c.email, (c.ms, c.okey)) FILTER (c.email IS NOT NULL) AS email,
        arg_max(c.full_name, (c.ms, c.okey)) FILTER (c.full_name IS NOT NULL) AS name
    FROM snapshot s JOIN copy c ON c.p = s.p AND c.row = s.row AND c.o <= s.o AND s.o < c.until
    WHERE c.email IS NOT NULL OR c.full_name IS NOT NULL GROUP BY s.id"""

ELEMENT = (
    "{'ms': ms, 'okey': okey, 'source': source, 'campaign': source->>'$.campaign', 'begun': NULL::BIGINT,"
    " 'last': NULL::STRUCT(ms BIGINT, source VARCHAR), 'non_direct': NULL::STRUCT(ms BIGINT, source VARCHAR)}"
)
"""A visit, and the state of a fold over visits: `campaign` and `begun` are then those of the session, `at` the last
visit's."""


def prepare(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Make what all snapshots share; needs the tables of `rows.prepare`."""
    begins = (
        f"(a.ms IS NULL OR v.ms - a.ms >= {rules.idle_ms} OR v.ms - a.begun >= {rules.longest_ms}"
        f" OR ({rules.new_session_on_campaign} AND v.campaign IS NOT NULL AND v.campaign IS DISTINCT FROM a.campaign))"
    )
    touch = "{'ms': v.ms, 'source': v.source}"
    con.execute(
        f"""CREATE OR REPLACE MACRO folded(visits) AS list_reduce(visits, lambda a, v: {{
            'ms': v.ms, 'okey': v.okey, 'source': NULL::VARCHAR,
            'campaign': CASE WHEN {begins} THEN v.campaign ELSE a.campaign END,
            'begun': CASE WHEN {begins} THEN v.ms ELSE a.begun END,
            'last': CASE WHEN {begins} AND v.source IS NOT NULL THEN {touch} ELSE a.last END,
            'non_direct': CASE WHEN {begins} AND v.source->>'$.channel' <> 'Direct' THEN {touch} ELSE a.non_direct
                END}},
            {{'ms': NULL::BIGINT, 'okey': NULL::VARCHAR, 'source': NULL::VARCHAR, 'campaign': NULL::VARCHAR,
              'begun': NULL::BIGINT, 'last': NULL::STRUCT(ms BIGINT, source VARCHAR),
              'non_direct': NULL::STRUCT(ms BIGINT, source VARCHAR)}})"""
    )


def take(con: duckdb.DuckDBPyConnection) -> None:
    """Make `touched` of `snapshot`: one row a snapshot."""
    con.execute(FIRST)
    con.execute(TRAITS)
    con.execute(
        f"""CREATE OR REPLACE TABLE chain AS
        WITH seen AS (
            SELECT s.id, 0 AS epoch, '' AS alias, v.ms, v.okey, v.source
            FROM snapshot s JOIN visit v ON v.p = s.p AND v.row = s.row AND v.o <= s.o AND s.o < v.until
            UNION ALL SELECT s.id, v.epoch, v.alias, v.ms, v.okey, v.source
            FROM snapshot s JOIN sealed v ON v.p = s.p AND v.row = s.row AND v.o <= s.o AND s.o < v.until),
        listed AS (SELECT id, alias, epoch, list({ELEMENT} ORDER BY ms, okey) AS visits FROM seen GROUP BY ALL)
        SELECT id, folded(visits) AS f FROM listed"""
    )
    con.execute(
        """CREATE OR REPLACE TABLE touched AS
        WITH latest AS (SELECT id, arg_max(f.last, f.last.ms) FILTER (f.last IS NOT NULL) AS last,
            arg_max(f.non_direct, f.non_direct.ms) FILTER (f.non_direct IS NOT NULL) AS non_direct FROM chain GROUP BY
                id)
        SELECT s.id, first_touch.touch AS first, last, non_direct, email, name FROM snapshot s
        LEFT JOIN first_touch USING (id) LEFT JOIN latest USING (id) LEFT JOIN trait USING (id)"""
    )
