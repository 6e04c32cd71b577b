"""Verify, room 5b.  Accepted: the inputs of people, as `user-events` has them of `web-events`, for the fold.

`ingest_checks` has compared each of them with its web event.  The fold knows no log; two things only the log can tell:
to whom an operator's word on a Salesforce record was passed on, and who was taken elsewhere before a word came down.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb

from agents.verify.people import Era, Event, Forget, Input, Link, Recount, Split, Standing, recount
from agents.verify.progress import Progress
from agents.verify.rules import Rules
from agents.verify.texts import parsed
from agents.verify.world import USER_EVENTS, WEB_EVENTS

OURS = f"done AND person IS NULL AND st = '{WEB_EVENTS}'"
EVENTS = f"""SELECT alias, message_id, ms, received_at, coalesce(name, ''), coalesce(visit, false), source, email,
    full_name, coalesce(bot, false) FROM ue WHERE kind = 'event' AND {OURS}"""
LINKS = f"SELECT alias, target, message_id, ms, received_at FROM ue WHERE kind = 'link' AND {OURS}"
SPLITS = f"SELECT alias, apart, message_id, ms, received_at FROM ue WHERE kind = 'split' AND {OURS}"
FORGETS = f"""SELECT f.alias, f.received_at FROM ue f
    LEFT JOIN ue before ON f.st = '{USER_EVENTS}' AND before.p = f.sp AND before.o = f.so
    WHERE f.kind = 'forget' AND f.done AND f.person IS NULL AND NOT starts_with(f.alias, 'sf:')
        AND (f.st = '{WEB_EVENTS}' OR starts_with(before.alias, 'sf:') AND f.alias IN
            (SELECT owner FROM ue WHERE kind = 'facts' AND alias = before.alias))"""
"""An operator's words on whoever is no record; and what a record's row passed on, to an owner that it ever had."""
SPARED = f"""SELECT alias, person, max(received_at) FROM ue WHERE kind = 'detach' AND len(path) = 1
    AND st = '{USER_EVENTS}' AND received_at IS NOT NULL GROUP BY alias, person"""
"""Whoever sends a detach is still there."""


def work_out(
    con: duckdb.DuckDBPyConnection,
    rules: Rules,
    progress: Progress,
    partition: Callable[[str], int],
    known: Mapping[str, Standing],
    until: int,
) -> Recount:
    """Fold everything that was received; decide up to `until`, or as far as anything was received or decided."""
    given = list(inputs(con))
    until = max([until, *progress.decided.values(), *(one.received_at for one in given)])
    spared = {(alias, owner): at for alias, owner, at in con.execute(SPARED).fetchall()}

    def eras(person: str) -> Sequence[Era]:
        return of_partition(rules, progress, partition(person))

    return recount(given, rules, until, eras=eras, known=known, spared=spared)


def of_partition(rules: Rules, progress: Progress, p: int) -> list[Era]:
    """Say which rules decide a partition; None: those of a version that is not the file's."""
    versions = progress.versions.get(p)
    if not versions:
        return [Era(rules)]
    return [Era(rules if version == rules.version else None, since) for version, since in versions]


def inputs(con: duckdb.DuckDBPyConnection) -> Iterator[Input]:
    """Give everything that was accepted."""
    for alias, message_id, at, r, name, visit, source, email, full_name, bot in con.execute(EVENTS).fetchall():
        yield Event(alias, message_id, at, r, name, visit, _source(source), email or None, full_name or None, bot)
    for row in con.execute(LINKS).fetchall():
        yield Link(*row)
    for row in con.execute(SPLITS).fetchall():
        yield Split(*row)
    for row in con.execute(FORGETS).fetchall():
        yield Forget(*row)


def _source(text: str | None) -> dict[str, Any] | None:
    return None if text is None else _read(text)


@lru_cache(maxsize=1 << 14)
def _read(text: str) -> dict[str, Any]:
    found = parsed(text)
    return found if isinstance(found, dict) else {}
