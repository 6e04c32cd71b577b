"""Verify, accounts.  Touches: the lists that people tell accounts (docs/attribution.md, "Touches of an account").

Compared: of every list shape, key, order, number, and that a record of the person's own row made it; of the latest of
each person and account what it says.  Which list was due at which record before is not looked at: accounts have no
received time.  When a row seals is its own affair, and so how early it lets go of old touches; `since` says it.
"""

from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.accounts.persons import MOST_KEPT, is_surely_kept, touches_of
from agents.verify.everybody import OF_FULL_ROWS, Everybody
from agents.verify.people import EVER, Session
from agents.verify.report import Check
from agents.verify.rules import Rules
from agents.verify.texts import canonical, parsed
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

WRITTEN = f"""SELECT m.p, m.o, m.key, m.value, m.headers->>'source', ue.row FROM message m
    LEFT JOIN ue ON m.headers->>'source' = '{USER_EVENTS}/' || ue.p || '/' || ue.o
    WHERE m.topic = '{ACCOUNT_EVENTS}' AND json_valid(m.value) AND m.value->>'$.kind' = 'touches'
        AND coalesce(ue.done, true) ORDER BY m.p, m.o"""  # noqa: S608 - constants of this package
CROWDED = f"lists of people with over {MOST_KEPT} touches: whether one is missing"
FORMER = "lists that were not the latest of their person and account: only their form and number"
PENDING = "lists of people of whom something was received that is not decided yet"
KEY_BYTES = 16
SHAPE: dict[str, type] = {"person": str, "account": str, "number": int}

Told = tuple[int, bytes, str]
"""A touch, comparable: instant, order key, source as canonical JSON."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of touches that a person told an account."""

    where: str
    number: int
    account: str
    since: int
    touches: list[Told]


def check(con: duckdb.DuckDBPyConnection, everybody: Everybody, rules: Rules) -> Check:
    """Compare all lists."""
    found = Check("touches")
    lists: dict[str, list[Listed]] = defaultdict(list)
    for p, o, key, value, source, row in con.execute(WRITTEN).fetchall():
        found.compared += 1
        document, where = parsed(value), f"{ACCOUNT_EVENTS}/{p}/{o}"
        if wrong := _wrong(document, key, row, source):
            found.differs(where, key, wrong)
        else:
            touches = [(at, b64decode(one), canonical(source)) for at, one, source in document.get("touches", [])]
            since = document.get("since", 0)
            lists[document["person"]].append(Listed(where, document["number"], document["account"], since, touches))
    heard = {alias for alias, one in everybody.told.items() if any(s.account.startswith("001") for s in one.heard)}
    people = {row for alias in heard for row in everybody.ever(alias)} & everybody.rows.keys()
    for row in sorted({*lists, *people}):
        listed = sorted(lists.get(row, ()), key=lambda one: one.number)
        _Lists(found, everybody, rules, row, listed).look()
    return found


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of one row."""

    found: Check
    everybody: Everybody
    rules: Rules
    row: str
    listed: list[Listed]
    """By number."""

    def look(self) -> None:
        """Compare the latest list to each account."""
        row, listed, everybody = self.row, self.listed, self.everybody
        if [one.number for one in listed] != list(range(1, len(listed) + 1)):
            self.found.differs(ACCOUNT_EVENTS, row, "numbers of its touches do not rise by one from 1")
        if row in everybody.full or everybody.is_pending(row):
            self.found.skip(len(listed), OF_FULL_ROWS if row in everybody.full else PENDING)
            return
        latest = {one.account: one for one in listed}
        self.found.skip(len(listed) - len(latest), FORMER)
        is_person = row not in everybody.owner and row not in everybody.gone
        account = everybody.account(row) if is_person else None
        for one in (one for name, one in latest.items() if account is None or name != account.account):
            if one.touches or one.since:
                self.found.differs(one.where, row, f"{one.account}, which it is not of, was told last of touches")
        if account is not None:
            self._look_at(account.account, latest.get(account.account))

    def _look_at(self, account: str, one: Listed | None) -> None:
        """Compare the latest list to the account of which the person is."""
        if one is None:
            self.found.differs(ACCOUNT_EVENTS, self.row, f"does not tell {account} its touches")
        elif self.listed[-1] is not one:
            last = self.listed[-1]
            self.found.differs(last.where, self.row, f"tells {last.account}, though it is of {account}")
        else:
            for what in self._differences(one):
                self.found.differs(one.where, self.row, what)

    def _differences(self, one: Listed) -> Iterator[str]:
        touches = touches_of(self.everybody.outcome(self.row))
        known, whole = Counter(one.touches), Counter(map(_told, touches))
        if [touch[:2] for touch in one.touches] != sorted(touch[:2] for touch in one.touches):
            yield "touches are not sorted by instant and order key"
        if not self._may_be_since(one.since):
            yield f"since is {one.since}, which is not old enough to let go of"
        for touch in (known - whole).elements():
            yield f"has a touch that is none, or too often: {touch}"
        if len(touches) > MOST_KEPT:
            self.found.skip(1, CROWDED)
            return
        due = Counter(_told(touch) for touch in touches if self._is_due(touch, one.since))
        for touch in (due - known).elements():
            yield f"lacks a touch: {touch}"

    def _is_due(self, touch: Session, since: int) -> bool:
        """Say whether a touch surely is in a list: it is later than what was let go of, or kept for the sign-up."""
        rules, signed_up = self.rules, self.everybody.outcome(self.row).signed_up
        gone = EVER if touch.sealed_at == EVER else touch.sealed_at - rules.horizon_ms - rules.lookback_ms
        if touch.at > max(since, gone):
            return True
        if signed_up is None or not signed_up[0] - rules.acquisition_ms < touch.at <= signed_up[0]:
            return False
        return is_surely_kept(touch, signed_up[1], rules)

    def _may_be_since(self, since: int) -> bool:
        """Say whether a row may have let go of touches up to `since`: of none, or of such as are old enough by now."""
        return since == 0 or since + self.rules.horizon_ms + self.rules.lookback_ms <= self.everybody.until(self.row)


def _told(touch: Session) -> Told:
    return touch.at, touch.key, canonical(touch.source)


def _wrong(document: dict[str, Any], key: str | None, row: str | None, source: str | None) -> str | None:
    readable = isinstance(document.get("since", 0), int)
    if not readable or not all(isinstance(document.get(name), kind) for name, kind in SHAPE.items()):
        return "cannot be read as touches"
    if key != document["account"]:
        return "touches are not keyed by their account"
    if row != document["person"]:
        return f"touches of another person than the row of their source, {source}"
    listed = document.get("touches", [])
    if not isinstance(listed, list) or not all(is_touch(one) for one in listed):
        return "a touch is not [at, key, source]"
    if [one[0] for one in listed] != sorted(one[0] for one in listed):
        return "touches are not sorted by their instants"
    return None


def is_touch(one: Any) -> bool:
    """Say whether a value is an instant, an order key and a source."""
    match one:
        case [int(), str(key), dict()]:
            return _is_base64(key)
    return False


def _is_base64(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False
