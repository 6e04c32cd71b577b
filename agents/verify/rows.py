"""Verify, room 5b.  Rows: the events that each row of the log holds when (semantics, parts 2 and 3).

Every table here has `p, row, alias` (the alias's part at a row), `epoch` (the offset from which that part is there, as
several may come one after the other; 0 at home), `o` and `until`, as those of `ties`.

`copy`      every copy of an event at a row, whether it is late there, and whether it would be stored.
`held`      the copies that are stored: neither late nor duplicates; `n` is the copy's rowid.
`visit`     those of them that are visits; what a row had sealed before a part left it stays.
`sealed`    visits of a part which were sealed before the row had it; `seen` is the latest clock by which that was done.
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify.ties import FOREVER

SEALED_TABLE = """CREATE TABLE sealed (p INTEGER, row VARCHAR, alias VARCHAR, epoch BIGINT, o BIGINT, until BIGINT,
    ms BIGINT, okey VARCHAR, source VARCHAR, seen BIGINT)"""

RANKS = ("email:", "user:")
"""Rows to which others belong, weaker ones first: what a part brings is known when its former row is."""

OWN = f"""CREATE TABLE copy AS
    SELECT p, row, alias, 0::BIGINT AS epoch, o, {FOREVER} AS until, okey, ms, name, coalesce(visit, false) AS visit,
        source, email, full_name, clock, coalesce(ms <= clock - getvariable('horizon'), false) AS late
    FROM entry WHERE kind = 'event' AND person IS NULL"""

FORWARDED = """INSERT INTO copy
    SELECT e.p, e.row, e.alias, s.o, e.o, s.until, e.okey, e.ms, e.name, coalesce(e.visit, false), e.source, e.email,
        e.full_name, e.clock, coalesce(e.ms <= e.clock - getvariable('horizon'), false)
    FROM (FROM entry WHERE kind = 'event' AND person IS NOT NULL AND starts_with(row, $rank)) e
    ASOF JOIN stay s ON s.p = e.p AND s.row = e.row AND s.alias = e.alias AND s.o <= e.o"""

BROUGHT = """INSERT INTO copy
    SELECT s.p, s.row, s.alias, s.o, s.o, s.until, c.okey, c.ms, c.name, c.visit, c.source, c.email, c.full_name,
        s.clock,
        c.late OR h.o IS NULL OR coalesce(c.ms <= l.clock - getvariable('horizon'), false)
            OR coalesce(c.ms <= s.clock - getvariable('horizon'), false)
    FROM (FROM stay WHERE starts_with(row, $rank)) s JOIN origin USING (p, o) JOIN entry l ON l.p = lp AND l.o = lo
    JOIN copy c ON c.p = lp AND c.row = home AND c.alias = s.alias AND c.o < lo AND lo < c.until
    LEFT JOIN held h ON h.n = c.rowid AND lo < h.until"""
"""Late includes: was not stored where the part was packed, sealed there, or sealed on the way in."""

STORED = """WITH stored AS (SELECT *, rowid AS n FROM copy WHERE NOT late AND (name <> '' OR visit) AND which),
    judged AS (SELECT *, min(ms) OVER (PARTITION BY p, row, alias, epoch, okey ORDER BY o, ms, n
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM stored)"""

HELD = """SELECT * EXCLUDE (until, before, late, email, full_name),
        least(until, coalesce(lead(o) OVER (PARTITION BY p, row, alias, epoch, okey ORDER BY o, ms, n), until)) AS until
    FROM judged WHERE coalesce(ms < before, true)"""

VISIT = f"""SELECT h.p, h.row, h.alias, h.o, h.ms, h.okey, h.source, CASE WHEN h.alias <> h.row AND h.until < {FOREVER}
        AND h.ms <= step.clock - getvariable('horizon') AND EXISTS (FROM stay s WHERE s.p = h.p AND s.row = h.row
            AND s.alias = h.alias AND s.until = h.until) THEN {FOREVER} ELSE h.until END AS until
    FROM (FROM held WHERE visit AND which) h ASOF LEFT JOIN step ON step.p = h.p AND step.o <= h.until"""

SEALED = """INSERT INTO sealed
    WITH packed AS (
        SELECT s.p, s.row, s.alias, s.o, s.until, s.clock, lp, lo, home, l.clock AS packed_clock
        FROM (FROM stay WHERE starts_with(row, $rank)) s JOIN origin USING (p, o) JOIN entry l ON l.p = lp AND l.o = lo)
    SELECT s.p, s.row, s.alias, s.o AS epoch, s.o, s.until, v.ms, v.okey, v.source, greatest(packed_clock, s.clock)
    FROM packed s JOIN visit v ON v.p = lp AND v.row = home AND v.o < lo AND lo < v.until
    WHERE CASE WHEN v.alias = s.alias AND s.alias = home
            THEN v.ms <= greatest(packed_clock, s.clock) - getvariable('horizon')
        WHEN s.alias = home THEN v.ms <= packed_clock - getvariable('horizon')
        WHEN v.alias = s.alias THEN v.ms <= s.clock - getvariable('horizon')
            AND coalesce(v.ms > packed_clock - getvariable('horizon'), true) END
    UNION ALL SELECT s.p, s.row, s.alias, s.o, s.o, s.until, z.ms, z.okey, z.source,
        greatest(packed_clock, s.clock, z.seen)
    FROM packed s JOIN sealed z ON z.p = lp AND z.row = home AND z.alias = s.alias AND z.o < lo AND lo < z.until"""
"""A row's own part carries what the row had sealed of anybody, another one what it had brought; both what is late on
arrival."""

AT_HOME = "alias = row"


def prepare(con: duckdb.DuckDBPyConnection, horizon_ms: int) -> None:
    """Make the tables; needs those of `ties.prepare`."""
    con.execute(f"SET VARIABLE horizon = {horizon_ms}")
    con.execute(OWN)
    con.execute(f"CREATE TABLE held AS {_stored(AT_HOME)} {HELD}")
    _mend(con, AT_HOME, horizon_ms)
    con.execute(f"CREATE TABLE visit AS {VISIT.replace('which', AT_HOME)}")
    con.execute(SEALED_TABLE)
    for rank in RANKS:
        _attach(con, rank, horizon_ms)


def _attach(con: duckdb.DuckDBPyConnection, rank: str, horizon_ms: int) -> None:
    """Add what others brought and forwarded to the rows of one rank."""
    there = f"alias <> row AND starts_with(row, '{rank}')"
    for statement in (BROUGHT, FORWARDED):
        con.execute(statement, {"rank": rank})
    con.execute(f"INSERT INTO held BY NAME {_stored(there)} {HELD}")
    _mend(con, there, horizon_ms)
    con.execute(SEALED, {"rank": rank})
    con.execute(f"INSERT INTO visit BY NAME {VISIT.replace('which', there)}")


def _stored(which: str) -> str:
    return STORED.replace("which", which)


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
        f"INSERT INTO held BY NAME {_stored(which)} SELECT * EXCLUDE (until, before, late, email, full_name, gone),"
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
