"""Verify, accounts.  Made: what records of `account-events` made in fact, against what they had to make.

Compared, by `source`: `account-events` (changes aside, which `salesforce.transactions` compares), `user-events` that
come of it, companies, and the requests on `salesforce-refetch` for what belonged to merged accounts.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.accounts.bare import bare
from agents.verify.accounts.companies import Place
from agents.verify.accounts.fold import SHAPES, Accounts, Source
from agents.verify.accounts.joins import KINDS
from agents.verify.accounts.tells import Made
from agents.verify.report import Check
from agents.verify.texts import canonical, parsed, text_of, unlike
from agents.verify.world import ACCOUNT_EVENTS, SALESFORCE_REFETCH, USER_EVENTS, WEB_EVENTS

WRITTEN = f"""SELECT m.topic, m.p, m.o, m.key, m.value, m.headers->>'source' FROM message m
    WHERE m.topic IN ('{ACCOUNT_EVENTS}', '{USER_EVENTS}') ORDER BY m.topic, m.p, m.o"""  # noqa: S608 - constants
DONE = "SELECT topic, p, o FROM done"
REQUESTS = "SELECT p, o, key, value FROM message WHERE topic = ? ORDER BY p, o"

OF_PEOPLE = (*KINDS, "touches")
"""Kinds that rows of people make: `joins` and `touches` look at them."""
EXACT = ("facts", "told")
"""Kinds that are compared as they stand: of them salesforce.md says what may be absent."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that is there."""

    where: str
    made: Made


def check(con: duckdb.DuckDBPyConnection, accounts: Accounts, known: Mapping[Place, Made], found: Check) -> Check:
    """Compare all messages; `known` of companies.  `found` may hold what the fold came upon."""
    there = _found(con, found)
    wanted = accounts.made | {(WEB_EVENTS, p, o): [one] for (p, o), one in known.items()}
    found.compared = len(wanted)
    for source in sorted({*wanted, *there} - accounts.unsure):
        _compare(found, source, wanted.get(source, []), there[source])
    _compare_merged(con, accounts, found)
    found.skip(len(accounts.unsure), "changes of records of which very much waits for a refetch")
    return found


def _found(con: duckdb.DuckDBPyConnection, check: Check) -> Mapping[Source, list[Found]]:
    done = {(topic, p): o for topic, p, o in con.execute(DONE).fetchall()}
    found: dict[Source, list[Found]] = defaultdict(list)
    for topic, p, o, key, value, header in con.execute(WRITTEN).fetchall():
        where, source = f"{topic}/{p}/{o}", _source(header)
        if not _is_ours(topic, value, source):
            continue
        if source is None or source[0] not in (ACCOUNT_EVENTS, USER_EVENTS, WEB_EVENTS):
            check.differs(where, key, f"no record of the log makes this: source {header}")
        elif source[2] < done.get(source[:2], 0):
            document = parsed(value)
            made = Made(topic, key, document if isinstance(document, dict) else {}, p if key is None else None)
            found[source].append(Found(where, made))
    return found


def _is_ours(topic: str, value: str | None, source: Source | None) -> bool:
    """Say whether this room answers for a message: others do for changes, and for what rows of people tell."""
    if topic == USER_EVENTS:
        return source is not None and source[0] == ACCOUNT_EVENTS
    kind = text_of(parsed(value), "kind")
    return kind in SHAPES and kind not in OF_PEOPLE


def _source(header: str | None) -> Source | None:
    topic, _, place = (header or "").partition("/")
    try:
        p, o = (int(number) for number in place.split("/"))
    except ValueError:
        return None
    return topic, p, o


def _text(made: Made) -> str:
    value = made.value if made.value.get("kind") in EXACT else bare(made.value)
    return canonical([made.topic, made.partition, made.key, value])


def _compare(check: Check, source: Source, wanted: list[Made], there: list[Found]) -> None:
    """Each once; the order does not matter."""
    missing = Counter(map(_text, wanted)) - Counter(_text(one.made) for one in there)
    extra = Counter(_text(one.made) for one in there) - Counter(map(_text, wanted))
    lost = {text: made for made in wanted if (text := _text(made)) in missing}
    alike = {_about(made): made for made in lost.values()}
    of = "/".join(map(str, source))
    for one in reversed(there):
        text = _text(one.made)
        if extra[text] <= 0:
            continue
        extra[text] -= 1
        twin = alike.pop(_about(one.made), None)
        if twin is not None:
            missing[_text(twin)] -= 1
        check.differs(f"{one.where} of {of}", one.made.key, _difference(twin, one.made))
    for text, count in missing.items():
        for _ in range(count):
            check.differs(of, lost[text].key, f"has to give {_name(lost[text])}, which is missing: {text[:400]}")


def _about(made: Made) -> tuple[Any, ...]:
    return made.topic, text_of(made.value, "kind"), made.key, made.partition


def _difference(expected: Made | None, found: Made) -> str:
    if expected is None:
        return f"{_name(found)} is not to be, or doubled"
    inner = [unlike(expected.value[name], found.value.get(name)) for name in _objects(expected)]
    outer = unlike(bare(expected.value), bare(found.value)) or "has more than it should"
    return f"{_name(found)}: {next(filter(None, inner), outer)}"


def _objects(made: Made) -> list[str]:
    return [name for name in ("change", "fields", "state") if isinstance(made.value.get(name), dict)]


def _name(made: Made) -> str:
    return str(made.value.get("kind"))


def _compare_merged(con: duckdb.DuckDBPyConnection, accounts: Accounts, check: Check) -> None:
    shown: Counter[str] = Counter()
    for p, o, key, value in con.execute(REQUESTS, [SALESFORCE_REFETCH]).fetchall():
        document = parsed(value)
        if not isinstance(document, dict) or document.get("why") != "merged":
            continue
        shown[canonical(document)] += 1
        if key != document.get("id"):
            check.differs(f"{SALESFORCE_REFETCH}/{p}/{o}", key, "is not keyed by its record")
    if accounts.unsure:
        return
    for text in (accounts.merged - shown).elements():
        check.differs(SALESFORCE_REFETCH, parsed(text)["id"], f"is not asked for: {text}")
    for text in (shown - accounts.merged).elements():
        check.differs(SALESFORCE_REFETCH, parsed(text).get("id"), f"no account asks for this: {text}")
