"""Verify, room 3b.  Log: `user-events` as columns.

Table made here: `ue`, one row a record, kind `bad` where it can't be read; `st/sp/so` are the coordinates in its
`source` header; `row` is that to which it came; `done` says that the worker had consumed it.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

import duckdb

from agents.verify.world import USER_EVENTS

FIELDS = {
    "kind": "VARCHAR",
    "alias": "VARCHAR",
    "person": "VARCHAR",
    "to": "VARCHAR",
    "message_id": "VARCHAR",
    "at": "BIGINT",
    "received_at": "BIGINT",
    "name": "VARCHAR",
    "visit": "BOOLEAN",
    "source": "VARCHAR",
    "bot": "BOOLEAN",
    "email": "VARCHAR",
    "full_name": "VARCHAR",
    "apart": "BOOLEAN",
    "path": "BIGINT[]",
    "part": "VARCHAR",
    "version": "BIGINT",
    "object": "VARCHAR",
    "modified_at": "BIGINT",
    "owner": "VARCHAR",
    "account": "VARCHAR",
    "fields": "VARCHAR",
    "change": "VARCHAR",
    "number": "BIGINT",
    "state": "VARCHAR",
    "once": "VARCHAR",
    "arr": "BIGINT",
    "passed": "BIGINT",
    "lane": "VARCHAR",
}

COLUMN = {"to": "target", "at": "ms"}

STRENGTH = """CREATE OR REPLACE MACRO strength(alias) AS CASE WHEN starts_with(alias, 'user:') THEN 5
    WHEN starts_with(alias, 'email:') THEN 4 WHEN starts_with(alias, 'sf:003') THEN 3
    WHEN starts_with(alias, 'sf:00Q') THEN 2 WHEN starts_with(alias, 'anon:') THEN 1 END"""
"""Of an alias: links lead to stronger ones only."""

OBJECT_OR_NONE = "CREATE OR REPLACE MACRO object_or_none(text) AS text IS NULL OR starts_with(text, '{')"

BAD = """UPDATE ue SET kind = 'bad' WHERE NOT coalesce(CASE kind
    WHEN 'event' THEN alias IS NOT NULL AND message_id IS NOT NULL AND ms IS NOT NULL AND received_at IS NOT NULL
    WHEN 'link' THEN strength(alias) < strength(target) AND message_id IS NOT NULL AND ms IS NOT NULL
        AND received_at IS NOT NULL
    WHEN 'split' THEN alias IS NOT NULL AND apart IS NOT NULL AND message_id IS NOT NULL AND ms IS NOT NULL
        AND received_at IS NOT NULL
    WHEN 'part' THEN alias IS NOT NULL AND person IS NOT NULL AND path IS NOT NULL AND part IS NOT NULL
    WHEN 'detach' THEN alias IS NOT NULL AND person IS NOT NULL AND path IS NOT NULL
    WHEN 'facts' THEN alias IS NOT NULL AND version IS NOT NULL AND object IS NOT NULL
        AND modified_at IS NOT NULL AND object_or_none(fields)
    WHEN 'account' THEN alias IS NOT NULL AND account IS NOT NULL AND number IS NOT NULL AND object_or_none(state)
    WHEN 'share' THEN alias IS NOT NULL AND account IS NOT NULL AND number IS NOT NULL AND arr IS NOT NULL
    WHEN 'told' THEN alias IS NOT NULL AND change IS NOT NULL AND object_or_none(change)
    WHEN 'forget' THEN alias IS NOT NULL
    WHEN 'barrier' THEN lane IS NOT NULL END, false)"""


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table."""
    con.execute(STRENGTH)
    con.execute(OBJECT_OR_NONE)
    paths = [f"$.{name}" for name in FIELDS]
    picked = ", ".join(
        f"TRY_CAST(f[{number}]->>'$' AS {kind}) AS {COLUMN.get(name, name)}"
        for number, (name, kind) in enumerate(FIELDS.items(), start=1)
    )
    con.execute(
        f"""CREATE TABLE ue AS
        WITH raw AS (
            SELECT m.p, m.o, m.key, m.key_hex, m.digest, headers->>'source' AS header,
                CASE WHEN json_valid(value) THEN json_extract(value, {paths}) END AS f,
                m.o < coalesce(done.o, 0) AS done
            FROM message m LEFT JOIN done ON done.topic = m.topic AND done.p = m.p
            WHERE m.topic = '{USER_EVENTS}'),
        read AS (
            SELECT p, o, key, key_hex, digest, done, header, {picked},
                regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 1) AS st,
                TRY_CAST(regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 2) AS INTEGER) AS sp,
                TRY_CAST(regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 3) AS BIGINT) AS so
            FROM raw)
        SELECT *, CASE WHEN kind IN ('link', 'split', 'forget') THEN alias ELSE coalesce(person, alias) END AS row
        FROM read"""
    )
    con.execute(BAD)
