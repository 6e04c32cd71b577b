"""Verify, room 5a.  Ties: to whom a row belongs when, which parts it holds when, and what it has to pass on.

Semantics, part 2.  A row is (p, row); `o` is the offset from which something is so, `until` the one from which it is
no more (`FOREVER`: it stays): after the record at x there is what has `o <= x AND x < until`.

`tie`       the owner of a row: (p, row, o, until, person, former, moves); person null: a split took the owner away.
`stay`      a part at a row that is not its home: (p, row, alias, o, until, path, clock); `o` is that of the part's
            record, or of the forwarded event that made it.
`origin`    the link, split taken back, or facts that packed a part's record, however often that was passed on:
            (p, o, lp, lo, home).
"""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

from collections.abc import Iterator
from itertools import groupby

import duckdb

from agents.verify.report import Check
from agents.verify.world import USER_EVENTS

FOREVER = 1 << 60
LONGEST_PATH = 8
"""Rows that forward a part, as its path says, or anything else, as `passed` says."""
TOO_FAR = f"CASE WHEN e.kind = 'part' THEN len(e.path) ELSE coalesce(e.passed, 0) END >= {LONGEST_PATH}"
"""Whether a record `e` has come so far."""

SORT_KEY = "lpad(ms::VARCHAR, 16, '0') || okey || target"
"""Text that orders links by (at, order key, alias); instants are after 2000."""

TIE = f"""CREATE TABLE tie AS
    WITH said AS (SELECT p, row, o, CASE WHEN kind = 'link' THEN target END AS target,
            CASE WHEN kind = 'facts' THEN {{'version': version, 'owner': owner}} END AS facts,
            CASE WHEN kind = 'link' THEN {SORT_KEY} END AS rank, CASE WHEN kind = 'split' THEN apart END AS apart,
            CASE WHEN kind = 'split' THEN lpad(ms::VARCHAR, 16, '0') || okey || apart::INT END AS word
        FROM entry WHERE kind IN ('link', 'split') OR kind = 'facts' AND person IS NULL),
    turn AS (SELECT p, row, o, CASE WHEN coalesce(arg_max(apart, word) OVER w, false) THEN NULL
            ELSE coalesce(arg_min(target, rank) OVER w, (arg_max(facts, facts.version) OVER w).owner) END AS person
        FROM said WINDOW w AS (PARTITION BY p, row ORDER BY o)),
    move AS (SELECT *, lag(person) OVER (PARTITION BY p, row ORDER BY o) AS former FROM turn
        QUALIFY person IS DISTINCT FROM former)
    SELECT p, row, o, coalesce(lead(o) OVER w, {FOREVER}) AS until, person, former, row_number() OVER w AS moves
    FROM move WINDOW w AS (PARTITION BY p, row ORDER BY o)"""

MOVES = """WITH moved AS (SELECT p, row, alias, o, kind, path FROM entry WHERE kind IN ('part', 'detach')),
    passed AS (SELECT p, row, alias, o FROM entry WHERE kind IN ('event', 'facts', 'account', 'share')
        AND person IS NOT NULL)
    FROM moved UNION ALL
    SELECT e.p, e.row, e.alias, min(e.o) AS o, 'event', NULL
    FROM passed e ASOF LEFT JOIN moved m ON m.p = e.p AND m.row = e.row AND m.alias = e.alias AND m.o < e.o
    GROUP BY e.p, e.row, e.alias, m.o ORDER BY ALL"""
"""What may change which part of an alias a row holds; of events only the first after each other record."""

STAY = """CREATE TABLE stay AS
    WITH held AS (SELECT unnest(?::INTEGER[]) AS p, unnest(?::BIGINT[]) AS o, unnest(?::BIGINT[]) AS until)
    SELECT p, row, alias, o, least(until, coalesce(gone_at, until)) AS until, coalesce(path, []) AS path, clock
    FROM held JOIN entry USING (p, o) LEFT JOIN (SELECT p, row, o AS gone_at FROM gone) USING (p, row)"""

ORIGIN = f"""CREATE TABLE origin AS WITH RECURSIVE
    moved AS (SELECT p, o, sp, so FROM entry WHERE kind = 'part' AND st = '{USER_EVENTS}'),
    found AS (
        SELECT m.p, m.o, l.p AS lp, l.o AS lo, l.row AS home FROM moved m JOIN entry l ON l.p = m.sp AND l.o = m.so
            WHERE l.kind IN ('link', 'split', 'facts')
        UNION ALL SELECT m.p, m.o, f.lp, f.lo, f.home FROM found f JOIN moved m ON m.sp = f.p AND m.so = f.o)
    FROM found"""

Path = list[int]


def owners(con: duckdb.DuckDBPyConnection) -> None:
    """Make table `tie`; needs those of `log.prepare`."""
    con.execute(TIE)


def now(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Give the owner that each row has at the end of the log; one without an owner is absent."""
    return dict(con.execute("SELECT row, person FROM tie WHERE until = ? AND person IS NOT NULL", [FOREVER]).fetchall())


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make the other tables; needs those of `forgetting.prepare`."""
    moves = con.execute(MOVES).fetchall()
    stays = [stay for _, group in groupby(moves, key=lambda one: one[:3]) for stay in held(group)]
    con.execute(STAY, [list(column) for column in zip(*stays, strict=True)] or [[], [], []])
    con.execute(ORIGIN)


def held(moves: Iterator[tuple[int, str, str, int, str, Path | None]]) -> Iterator[tuple[int, int, int]]:
    """Follow one alias at one row; yield (p, from, until) of each part that it held.

    A part replaces one whose path is not larger; a detach takes away one that came before it; an event makes a part
    where there is none.
    """
    since, path = -1, None
    for p, _, _, o, kind, came in moves:
        stays = path is not None and not _ends(kind, path, came or [])
        if path is not None and not stays:
            yield p, since, o
            path = None
        if path is None and kind != "detach":
            since, path = o, came or []
    if path is not None:
        yield p, since, FOREVER


def _ends(kind: str, path: Path, came: Path) -> bool:
    return (kind == "part" and path <= came) or (kind == "detach" and path < came)


def check(con: duckdb.DuckDBPyConnection) -> Check:
    """Parts, detaches and forwarded events: those that the links demand, once each, to the right owner."""
    found = Check("links and parts")
    con.execute(WANTED)
    found.compared = len(con.execute("SELECT 1 FROM wanted").fetchall())
    found.differ_all(con.execute(MOVED).fetchall())
    found.differ_all(con.execute(FORWARDS_DIFFER).fetchall())
    found.differ_all(con.execute(NOT_FORWARDED).fetchall())
    return found


WANTED = f"""CREATE TABLE wanted AS
    WITH carried AS (
        SELECT tie.*, row AS alias, [moves] AS path FROM tie
        UNION ALL SELECT tie.*, stay.alias, list_append(path, moves) FROM tie JOIN stay
            ON stay.p = tie.p AND stay.row = tie.row AND stay.o < tie.o AND tie.o < stay.until),
    passed AS (SELECT e.*, tie.person AS heir, moves
        FROM (SELECT *, coalesce(person, alias) AS row FROM ue WHERE done AND person IS DISTINCT FROM alias
            AND kind IN ('event', 'part', 'detach', 'facts', 'account', 'share', 'told')) e
        ASOF JOIN tie ON tie.p = e.p AND tie.row = e.row AND tie.o <= e.o
        WHERE tie.person IS NOT NULL AND tie.o < e.o AND e.o < tie.until
            AND NOT {TOO_FAR})
    SELECT p AS sp, o AS so, 'part' AS kind, alias, person, path, 0 AS passed, false AS optional FROM carried
        WHERE person IS NOT NULL
    UNION ALL SELECT p, o, 'detach', alias, former, path, 0, false FROM carried WHERE former IS NOT NULL
    UNION ALL SELECT p, o, kind, alias, heir, CASE kind WHEN 'part' THEN list_append(path, moves)
        WHEN 'detach' THEN path END, CASE kind WHEN 'part' THEN 0 ELSE coalesce(passed, 0) + 1 END,
        coalesce(bot, false) FROM passed"""
"""Facts that change the owner are in the part that they send.  A part grows its path with each row that passes it on; a
detach is passed on as it came."""

MOVED = f"""WITH made AS (
        SELECT sp, so, kind, alias, person, count(*) AS times, min(p) AS p, min(o) AS o, bool_and(key = person) AS
            keyed, any_value(path) AS path, any_value(coalesce(passed, 0)) AS passed
        FROM ue WHERE st = '{USER_EVENTS}' AND kind IN ('part', 'detach', 'event', 'facts', 'account', 'share', 'told')
            AND person IS NOT NULL
            AND so < coalesce((SELECT d.o FROM done d WHERE d.topic = st AND d.p = sp), 0) GROUP BY ALL)
    SELECT '{USER_EVENTS}/' || sp || '/' || so, person, kind || ' of ' || alias || ': '
        || CASE WHEN w.optional IS NULL THEN 'no link demands it' WHEN times IS NULL THEN 'is missing'
            WHEN NOT keyed THEN 'is not keyed by the person' WHEN times > 1 THEN 'is there ' || times || ' times'
            WHEN m.path IS DISTINCT FROM w.path
                THEN 'path is ' || coalesce(m.path::VARCHAR, 'none') || ', is to be ' || w.path::VARCHAR
            ELSE 'passed is ' || m.passed || ', is to be ' || w.passed END
        || coalesce(', at {USER_EVENTS}/' || m.p || '/' || m.o, '')
    FROM wanted w FULL JOIN made m USING (sp, so, kind, alias, person)
    WHERE NOT coalesce(w.optional AND times IS NULL, false) AND NOT coalesce(w.optional IS NOT NULL AND times = 1 AND
        keyed AND m.path IS NOT DISTINCT FROM w.path AND m.passed = w.passed, false)
    ORDER BY sp, so"""

SAME = (
    "message_id", "ms", "received_at", "name", "visit", "source", "bot", "email", "full_name",
    "version", "object", "modified_at", "owner", "account", "fields", "change", "arr",
    "number", "state", "once",
)  # fmt: skip

FORWARDS_DIFFER = f"""SELECT '{
    USER_EVENTS
}/' || f.p || '/' || f.o, f.person, 'differs from the record that it forwards, '
        || f.header || ', in ' || array_to_string(list_filter([{
    ", ".join(f"CASE WHEN f.{one} IS DISTINCT FROM e.{one} THEN '{one}' END" for one in SAME)
}], lambda x: x IS NOT NULL), ', ')
    FROM ue f JOIN ue e ON e.p = f.sp AND e.o = f.so WHERE f.kind IN ('event', 'facts', 'account', 'share', 'told')
        AND f.person IS NOT NULL AND f.st = '{USER_EVENTS}'
        AND (e.kind <> f.kind OR ({", ".join(f"f.{one}" for one in SAME)}) IS DISTINCT FROM ({
    ", ".join(f"e.{one}" for one in SAME)
})) ORDER BY f.p, f.o"""

NOT_FORWARDED = f"""SELECT '{USER_EVENTS}/' || p || '/' || o, alias,
        'passed is ' || passed || ', and nobody forwarded it'
    FROM ue WHERE kind IN ('event', 'facts', 'account', 'share', 'told') AND person IS NULL AND passed <> 0
    ORDER BY p, o"""
