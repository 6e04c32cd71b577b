"""Verify, room 5.  Rows: what each row of the log holds, as intervals of log positions (semantics, parts 2 and 3).

Every table here has `p, row` (the row), `o` (the offset in partition p from which it is there) and `until` (the offset
from which it is gone, `FOREVER` if it stays), so that the state of a row after the record
at x is what has `o <= x AND x < until`.

`tie`       the link that an anonymous row keeps, one after the other: (p, row, o, until, person, former).
`stay`      a part at a person: (p, row, alias, epoch, o, until, sp, so); `epoch` is the offset of the part's record.
`copy`      every copy of an event at a row, with `epoch`, whether it is late there, and whether it would be stored.
`held`      the copies that are stored: neither late nor duplicates.
`sealed`    visits of a part which the part had sealed before the person had it.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify.report import Check
from agents.verify.world import USER_EVENTS

FOREVER = 1 << 60

SORT_KEY = "lpad(ms::VARCHAR, 16, '0') || okey || to_user"
"""Text that orders links by (at, order key, person); instants are after 2000."""

TIE = f"""CREATE TABLE tie AS
    WITH link AS (SELECT p, row, o, to_user AS person, {SORT_KEY} AS rank FROM entry WHERE kind = 'link'),
    kept AS (SELECT * FROM link QUALIFY coalesce(rank < min(rank) OVER (PARTITION BY p, row ORDER BY o
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true))
    SELECT p, row, o, coalesce(lead(o) OVER w, {FOREVER}) AS until, person, lag(person) OVER w AS former
    FROM kept WINDOW w AS (PARTITION BY p, row ORDER BY o)"""

STAY = f"""CREATE TABLE stay AS
    WITH moves AS (SELECT p, row, alias, kind, o, clock, st, sp, so,
        lead(o) OVER (PARTITION BY p, row, alias ORDER BY o) AS next FROM entry WHERE kind IN ('part', 'detach'))
    SELECT p, row, alias, o AS epoch, o, coalesce(next, {FOREVER}) AS until, clock,
        CASE WHEN st = '{USER_EVENTS}' THEN sp END AS sp, so FROM moves WHERE kind = 'part'"""

OWN = f"""CREATE TABLE copy AS
    SELECT p, row, alias, 0::BIGINT AS epoch, o, {FOREVER} AS until, okey, ms, name, coalesce(visit, false) AS visit,
        source, email, full_name, clock, coalesce(ms <= clock - getvariable('horizon'), false) AS late
    FROM entry WHERE kind = 'event' AND person IS NULL"""

FORWARDED = f"""INSERT INTO copy
    SELECT e.p, e.row, e.alias, CASE WHEN e.o < s.until THEN s.epoch ELSE 0 END,
        e.o, CASE WHEN e.o < s.until THEN s.until ELSE {FOREVER} END, e.okey, e.ms, e.name, coalesce(e.visit, false),
            e.source,
        e.email, e.full_name, e.clock, coalesce(e.ms <= e.clock - getvariable('horizon'), false)
    FROM (FROM entry WHERE kind = 'event' AND person IS NOT NULL) e
    ASOF LEFT JOIN stay s ON s.p = e.p AND s.row = e.row AND s.alias = e.alias AND s.o <= e.o"""

BROUGHT = """INSERT INTO copy
    SELECT s.p, s.row, s.alias, s.epoch, s.o, s.until, c.okey, c.ms, c.name, c.visit, c.source, c.email, c.full_name,
        s.clock,
        c.late OR h.o IS NULL OR coalesce(c.ms <= l.clock - getvariable('horizon'), false)
            OR coalesce(c.ms <= s.clock - getvariable('horizon'), false)
    FROM stay s JOIN entry l ON l.p = s.sp AND l.o = s.so
    JOIN copy c ON c.p = s.sp AND c.row = s.alias AND c.epoch = 0 AND c.o < s.so
    LEFT JOIN held h ON h.p = c.p AND h.row = c.row AND h.o = c.o AND h.epoch = 0 AND s.so < h.until"""
"""Late includes: was not stored at home, sealed at home, or sealed on the way in."""

STORED = """WITH stored AS (
        SELECT *, rowid AS n FROM copy
        WHERE NOT late AND (name <> '' OR visit) AND epoch_filter),
    judged AS (SELECT *, min(ms) OVER (PARTITION BY p, row, alias, epoch, okey ORDER BY o, ms, n
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM stored)"""

HELD = """SELECT * EXCLUDE (until, before, n, late, email, full_name),
        least(until, coalesce(lead(o) OVER (PARTITION BY p, row, alias, epoch, okey ORDER BY o, ms, n), until)) AS until
    FROM judged WHERE coalesce(ms < before, true)"""

SEALED = """CREATE TABLE sealed AS
    SELECT s.p, s.row, s.alias, s.epoch, s.o, s.until, h.ms, h.okey, h.source
    FROM stay s JOIN entry l ON l.p = s.sp AND l.o = s.so
    JOIN held h ON h.p = s.sp AND h.row = s.alias AND h.epoch = 0 AND h.o < s.so AND s.so < h.until AND h.visit
    WHERE h.ms <= greatest(l.clock, s.clock) - getvariable('horizon')"""


def prepare(con: duckdb.DuckDBPyConnection, horizon_ms: int) -> None:
    """Make the tables; needs those of `log.prepare`."""
    con.execute(f"SET VARIABLE horizon = {horizon_ms}")
    for statement in (TIE, STAY, OWN):
        con.execute(statement)
    con.execute(f"CREATE TABLE held AS {_stored('epoch = 0')} {HELD}")
    _mend(con, "epoch = 0", horizon_ms)
    con.execute(BROUGHT)
    con.execute(FORWARDED)
    con.execute(f"INSERT INTO held BY NAME {_stored(ATTACHED)} {HELD}")
    _mend(con, ATTACHED, horizon_ms)
    con.execute(SEALED)


ATTACHED = "(epoch > 0 OR alias <> row)"


def _stored(which: str) -> str:
    return STORED.replace("epoch_filter", which)


def _mend(con: duckdb.DuckDBPyConnection, which: str, horizon_ms: int) -> None:
    """Redo, one copy after the other, the groups of duplicates in which a copy had expired before the next came.

    Then the next one is no duplicate any more, which depends on all the copies before it: no window function says that.
    """
    group = "p, row, alias, epoch, okey"
    con.execute(
        f"CREATE OR REPLACE TABLE expired AS {_stored(which)} SELECT DISTINCT {group} FROM judged"
        " WHERE before <= clock - getvariable('horizon')"
    )
    rows = con.execute(
        f"""{_stored(which)} SELECT {group}, o, ms, clock, n FROM judged SEMI JOIN expired USING ({group})
        ORDER BY {group}, o, ms, n"""
    ).fetchall()
    if not rows:
        return
    kept = _replay(rows, horizon_ms)
    con.execute("CREATE OR REPLACE TABLE mended (n BIGINT, gone BIGINT)")
    con.executemany("INSERT INTO mended VALUES (?, ?)", kept)
    con.execute(
        f"DELETE FROM held USING expired e WHERE {' AND '.join(f'held.{c} = e.{c}' for c in group.split(', '))}"
    )
    con.execute(
        f"INSERT INTO held BY NAME {_stored(which)} SELECT * EXCLUDE (until, before, n, late, email, full_name, gone),"
        " least(until, gone) AS until FROM judged JOIN mended USING (n)"
    )


def _replay(rows: list[tuple[object, ...]], horizon_ms: int) -> list[tuple[int, int]]:
    """Rows of (group..., o, at, clock, n) in order; give (n, offset at which a smaller copy replaced it)."""
    gone: dict[int, int] = {}
    holder: dict[tuple[object, ...], tuple[int, int]] = {}
    for *group, o, at, clock, n in rows:
        assert isinstance(o, int)
        assert isinstance(at, int)
        assert isinstance(n, int)
        prior = holder.get(tuple(group))
        expired = prior is not None and isinstance(clock, int) and prior[0] <= clock - horizon_ms
        if prior is None or expired or at < prior[0]:
            if prior is not None and not expired:
                gone[prior[1]] = o
            holder[tuple(group)] = (at, n)
            gone[n] = FOREVER
    return list(gone.items())


def check_links(con: duckdb.DuckDBPyConnection) -> Check:
    """Parts, detaches and forwarded events: those that the links demand, once each, to the right person."""
    found = Check("links and parts")
    con.execute(WANTED)
    found.compared = len(con.execute("SELECT 1 FROM wanted").fetchall())
    found.differ_all(con.execute(MOVED).fetchall())
    found.differ_all(con.execute(FORWARDS_DIFFER).fetchall())
    return found


WANTED = """CREATE TABLE wanted AS
    SELECT p AS sp, o AS so, 'part' AS kind, row AS alias, person, former IS NOT DISTINCT FROM person AS optional FROM
        tie
    UNION ALL SELECT p, o, 'detach', row, former, false FROM tie WHERE former <> person
    UNION ALL SELECT e.p, e.o, 'event', e.alias, tie.person, coalesce(e.bot, false) FROM ue e ASOF JOIN tie
        ON tie.p = e.p AND tie.row = e.alias AND tie.o < e.o WHERE e.done AND e.kind = 'event' AND e.person IS NULL"""

MOVED = f"""WITH made AS (
        SELECT sp, so, kind, alias, person, count(*) AS times, min(p) AS p, min(o) AS o, bool_and(key = person) AS keyed
        FROM ue WHERE st = '{USER_EVENTS}' AND kind IN ('part', 'detach', 'event') AND person IS NOT NULL
            AND so < coalesce((SELECT d.o FROM done d WHERE d.topic = st AND d.p = sp), 0) GROUP BY ALL)
    SELECT '{USER_EVENTS}/' || sp || '/' || so, coalesce(w.person, m.person), kind || ' of ' || coalesce(w.alias,
        m.alias) || ': '
        || CASE WHEN w.kind IS NULL THEN 'no link demands it' WHEN m.kind IS NULL THEN 'is missing'
            WHEN NOT keyed THEN 'is not keyed by the person' ELSE 'is there ' || times || ' times' END
        || coalesce(', at {USER_EVENTS}/' || m.p || '/' || m.o, '')
    FROM wanted w FULL JOIN made m USING (sp, so, kind, alias, person)
    WHERE NOT coalesce(w.optional AND m.kind IS NULL, false) AND NOT coalesce(w.kind IS NOT NULL AND times = 1 AND
        keyed, false)
    ORDER BY sp, so"""

SAME = ("message_id", "ms", "received_at", "name", "visit", "source", "bot", "email", "full_name")

FORWARDS_DIFFER = f"""SELECT '{
    USER_EVENTS
}/' || f.p || '/' || f.o, f.person, 'differs from the record that it forwards, '
        || f.header || ', in ' || array_to_string(list_filter([{
    ", ".join(f"CASE WHEN f.{one} IS DISTINCT FROM e.{one} THEN '{one}' END" for one in SAME)
}], lambda x: x IS NOT NULL), ', ')
    FROM ue f JOIN ue e ON e.p = f.sp AND e.o = f.so WHERE f.kind = 'event' AND f.person IS NOT NULL AND f.st = '{
    USER_EVENTS
}'
        AND (e.kind <> 'event' OR ({", ".join(f"f.{one}" for one in SAME)}) IS DISTINCT FROM ({
    ", ".join(f"e.{one}" for one in SAME)
})) ORDER BY f.p, f.o"""
