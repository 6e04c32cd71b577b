"""Verify, room 3b.  Log: `user-events` as columns, the clock of each of its partitions, and what makes a row.

Tables made here:
`ue`       one row a record, kind `bad` where it can't be read; `st/sp/so` are the coordinates in its `source` header;
           `done` says that the worker had consumed it.
`step`     (p, o, clock): the clock of partition p from the tick at offset o on; only where it rises.
`entry`    records that a row folds (bots leave no trace; what comes home is dropped, told aside): (p, o, row, clock
           before it, and the columns of `ue`).  `forget` is none: see `forgetting`, which takes out of here what comes
           to a row that is gone.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify.report import Check
from agents.verify.world import USER_EVENTS, WEB_EVENTS

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
}

COLUMN = {"to": "target", "at": "ms"}

STRENGTH = """CREATE OR REPLACE MACRO strength(alias) AS CASE WHEN starts_with(alias, 'user:') THEN 5
    WHEN starts_with(alias, 'email:') THEN 4 WHEN starts_with(alias, 'sf:003') THEN 3
    WHEN starts_with(alias, 'sf:00Q') THEN 2 WHEN starts_with(alias, 'anon:') THEN 1 END"""
"""Of an alias: links lead to stronger ones only."""

OBJECT_OR_NONE = "CREATE OR REPLACE MACRO object_or_none(text) AS text IS NULL OR starts_with(text, '{')"

ORDER_KEY = """CREATE OR REPLACE MACRO order_key(id) AS CASE
    WHEN regexp_full_match(id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}') THEN replace(id, '-', '')
    WHEN octet_length(encode(id)) <= 15 THEN rpad(lower(hex(encode(id))), 32, '0')
    ELSE md5(id) END"""
"""16 bytes as 32 lower-case hex digits, which compare as the bytes do."""


MARKS = f"""WITH mark AS (
        SELECT m.topic || '/' || m.p AS source, TRY_CAST(headers->>'touchline-mark' AS BIGINT) AS ms, min(m.o) AS o
            FROM message m
        JOIN done ON done.topic = m.topic AND done.p = m.p AND m.o < done.o
        WHERE m.topic = '{WEB_EVENTS}' AND json_exists(headers, '$."touchline-mark"') GROUP BY ALL),
    tick AS (SELECT source, ms, count(DISTINCT p) AS partitions FROM ue WHERE kind = 'tick' GROUP BY ALL)
    SELECT source || '/' || o, '', 'time mark at ' || ms || ' has given ticks to ' || coalesce(partitions, 0)
        || ' of {{partitions}} partitions'
    FROM mark LEFT JOIN tick USING (source, ms) WHERE ms IS NOT NULL AND coalesce(partitions, 0) <> {{partitions}}
        ORDER BY o"""


def prepare(con: duckdb.DuckDBPyConnection, partitions: int) -> None:
    """Make the tables of this room."""
    con.execute(ORDER_KEY)
    con.execute(STRENGTH)
    con.execute(OBJECT_OR_NONE)
    _columns(con)
    _clock(con, partitions)
    _entries(con)


def _columns(con: duckdb.DuckDBPyConnection) -> None:
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
            WHERE m.topic = '{USER_EVENTS}')
        SELECT p, o, key, key_hex, digest, done, header, {picked},
            regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 1) AS st,
            TRY_CAST(regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 2) AS INTEGER) AS sp,
            TRY_CAST(regexp_extract(header, '^(.*)/(\\d+)/(\\d+)$', 3) AS BIGINT) AS so
        FROM raw"""
    )
    con.execute(
        """UPDATE ue SET kind = 'bad' WHERE NOT coalesce(CASE kind
            WHEN 'tick' THEN source IS NOT NULL AND ms IS NOT NULL
            WHEN 'event' THEN alias IS NOT NULL AND message_id IS NOT NULL AND ms IS NOT NULL
                AND received_at IS NOT NULL
            WHEN 'link' THEN strength(alias) < strength(target) AND message_id IS NOT NULL AND ms IS NOT NULL
            WHEN 'split' THEN alias IS NOT NULL AND apart IS NOT NULL AND message_id IS NOT NULL AND ms IS NOT NULL
            WHEN 'part' THEN alias IS NOT NULL AND person IS NOT NULL AND path IS NOT NULL AND part IS NOT NULL
            WHEN 'detach' THEN alias IS NOT NULL AND person IS NOT NULL AND path IS NOT NULL
            WHEN 'facts' THEN alias IS NOT NULL AND version IS NOT NULL AND object IS NOT NULL
                AND modified_at IS NOT NULL AND object_or_none(fields)
            WHEN 'account' THEN alias IS NOT NULL AND account IS NOT NULL AND number IS NOT NULL
                AND object_or_none(state)
            WHEN 'share' THEN alias IS NOT NULL AND account IS NOT NULL AND number IS NOT NULL AND arr IS NOT NULL
            WHEN 'told' THEN alias IS NOT NULL AND change IS NOT NULL AND object_or_none(change)
            WHEN 'forget' THEN alias IS NOT NULL END, false)"""
    )


def _clock(con: duckdb.DuckDBPyConnection, partitions: int) -> None:
    """Latest tick of every source at every tick, then the least of them once all sources have ticked."""
    con.execute(
        f"""CREATE TABLE step AS
        WITH tick AS (SELECT p, o, source, ms FROM ue WHERE kind = 'tick' AND done AND ms IS NOT NULL),
        every AS (SELECT '{WEB_EVENTS}/' || range AS source FROM range({partitions})),
        latest AS (
            SELECT tick.p, tick.o, every.source,
                max(CASE WHEN tick.source = every.source THEN tick.ms END)
                    OVER (PARTITION BY tick.p, every.source ORDER BY tick.o) AS ms
            FROM tick CROSS JOIN every),
        clock AS (SELECT p, o, min(ms) AS clock FROM latest GROUP BY p, o HAVING count(ms) = {partitions})
        SELECT p, o, clock FROM clock
        QUALIFY clock IS DISTINCT FROM lag(clock) OVER (PARTITION BY p ORDER BY o)"""
    )


def _entries(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """CREATE TABLE entry AS
        WITH row_of AS (
            SELECT *, CASE WHEN kind IN ('link', 'split') THEN alias ELSE coalesce(person, alias) END AS row FROM ue
            WHERE done AND kind IN ('event', 'link', 'split', 'part', 'detach', 'facts', 'account', 'share', 'told')
                AND coalesce(person, alias) IS NOT NULL AND NOT coalesce(bot, false)
                AND (person IS DISTINCT FROM alias OR kind = 'told'))
        SELECT row_of.*, order_key(message_id) AS okey, step.clock AS clock
        FROM row_of ASOF LEFT JOIN step ON step.p = row_of.p AND step.o <= row_of.o"""
    )


def check_order(con: duckdb.DuckDBPyConnection) -> Check:
    """Check that records which one source partition brought into a partition stand in the order of the source."""
    found = Check("order")
    query = """SELECT p, o, coalesce(person, alias), so, lag(so) OVER w AS before FROM ue
        WHERE so IS NOT NULL WINDOW w AS (PARTITION BY p, st, sp ORDER BY o) QUALIFY before > so ORDER BY p, o"""
    con.execute("SELECT count(*) FROM ue WHERE so IS NOT NULL")
    found.compared = _one(con)
    for p, o, who, offset, before in con.execute(query).fetchall():
        found.differs(f"{USER_EVENTS}/{p}/{o}", who, f"made from offset {offset}, after one made from {before}")
    return found


def check_ticks(con: duckdb.DuckDBPyConnection, partitions: int) -> Check:
    """Each tick stands in every partition; sources are partitions of the source topics.

    Partitions are not read at the same instant, so a source's ticks are compared up to the least of its latest ones.
    Log clock: each consumed time mark is a tick of its source partition in every partition.
    """
    found = Check("ticks")
    found.compared = _one(con.execute("SELECT count(*) FROM ue WHERE kind = 'tick'"))
    found.differ_all(
        con.execute(
            f"""SELECT '{USER_EVENTS}/' || p || '/' || o, key, 'tick without a source partition, or with key or header'
            FROM ue WHERE kind = 'tick' AND NOT (coalesce(source, '') IN
                (SELECT '{WEB_EVENTS}/' || range FROM range({partitions})) AND key IS NULL AND header IS NULL AND ms >=
                    0
                AND ms IS NOT NULL)"""
        ).fetchall()
    )
    found.differ_all(
        con.execute(
            f"""WITH tick AS (SELECT p, source, ms, count(*) AS times FROM ue WHERE kind = 'tick' GROUP BY ALL),
            last AS (SELECT source, p, max(ms) AS ms FROM tick GROUP BY ALL),
            until AS (SELECT source, CASE WHEN count(*) = {partitions} THEN min(ms) END AS ms FROM last GROUP BY
                source),
            compared AS (SELECT tick.*, tick.ms = until.ms AS last FROM tick JOIN until USING (source)
                WHERE tick.ms <= until.ms)
            SELECT '{USER_EVENTS}', source, 'tick at ' || ms || ' is in ' || count(*) || ' of {partitions} partitions, '
                || min(times) || ' to ' || max(times) || ' times'
            FROM compared GROUP BY source, ms, last
            HAVING count(*) <> {partitions} OR NOT last AND min(times) <> max(times) ORDER BY 3"""
        ).fetchall()
    )
    found.differ_all(con.execute(MARKS.format(partitions=partitions)).fetchall())
    return found


def _one(con: duckdb.DuckDBPyConnection) -> int:
    row = con.fetchone()
    return int(row[0]) if row else 0
