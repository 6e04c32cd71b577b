"""Verify, room 6a.  Decide: who entered and left which segment when, and what was asked (semantics, parts 5, 6, 8).

What a person holds at each log position comes from SQL (`held`); here one person after the other is walked through
positions and clock.
"""

from collections.abc import Iterator

import duckdb

from agents.verify.forgetting import gone
from agents.verify.person import EVER, Change, Decision, Membership, Person, Steps, Withdrawal
from agents.verify.rules import Rules, Segment
from agents.verify.ties import FOREVER


def people(con: duckdb.DuckDBPyConnection, rules: Rules) -> Iterator[Person]:
    """Walk every person with a userId, in order of partition and key."""
    steps, forgotten = clocks(con), gone(con)
    counted = {one.event for segment in rules.segments for one in segment.conditions}
    events = con.execute(
        "SELECT p, row, o, until, ms, name FROM held WHERE starts_with(row, 'user:') ORDER BY p, row, o, ms"
    ).fetchall()
    entries = con.execute(
        "SELECT p, row, list(o ORDER BY o) FROM entry WHERE starts_with(row, 'user:') GROUP BY p, row"
    ).fetchall()
    held: dict[tuple[int, str], list[tuple[int, int, int, str]]] = {}
    for p, row, o, until, at, name in events:
        held.setdefault((p, row), []).append((o, until, at, name if name in counted else ""))
    for p, row, positions in sorted(entries):
        end = forgotten.get((p, row))
        yield walked(Person(p, row, rules), positions, held.get((p, row), []), steps.get(p, Steps([], [])), end)


def clocks(con: duckdb.DuckDBPyConnection) -> dict[int, Steps]:
    """Clock steps by partition; a partition whose clock never became known is absent."""
    found: dict[int, Steps] = {}
    for p, o, clock in con.execute("SELECT p, o, clock FROM step ORDER BY p, o").fetchall():
        steps = found.setdefault(p, Steps([], []))
        steps.offsets.append(o)
        steps.clocks.append(clock)
    return found


def walked(
    person: Person, positions: list[int], held: list[tuple[int, int, int, str]], steps: Steps, end: int | None = None
) -> Person:
    """Fold the log of one person: `held` is (from, until, at, name), name empty where no rule counts it.

    `end` is the offset at which the person was forgotten: no time passes after it.
    """
    edits: dict[int, list[tuple[bool, int, str]]] = {}
    for start, until, at, name in held:
        edits.setdefault(start, []).append((True, at, name))
        if until < FOREVER:
            edits.setdefault(until, []).append((False, at, name))
    clock = EVER
    for place, position in enumerate(positions):
        now = steps.at(position)
        if place == 0:
            clock = now
        _pass_time(person, steps, clock, now)
        clock = now
        person.expire(clock - person.rules.horizon_ms)
        for stored, at, name in sorted(edits.get(position, [])):
            (person.put if stored else person.take)(at, name)
        _look(person, position, clock)
        person.last_position = max(person.last_position, position)
    now = steps.at(FOREVER if end is None else end)
    _pass_time(person, steps, clock, now)
    if end is not None:
        _forget(person, end, now)
    return person


def _forget(person: Person, position: int, clock: int) -> None:
    """Leave each segment, and take the last trigger of each ask back."""
    for segment in sorted(person.rules.segments, key=lambda one: one.name):
        state = person.segments.get(segment.name)
        if state and state.member:
            at = max(clock, state.entered_at)
            _leave(person, segment, position, at, at)
    last = {one.ask: one.change for one in person.decisions if one.asked}
    person.withdrawals = [
        Withdrawal(person.p, person.key, position, ask, change.entered_at, max(clock, change.announced_at))
        for ask, change in sorted(last.items())
    ]


def _look(person: Person, position: int, clock: int) -> None:
    """After a record or a walk: whoever is out and meets the rule now is in, since the unbroken stretch began.

    Now is the clock or the latest stored event, which may be ahead of it.
    """
    now = max(clock, person.stored[-1] if person.stored else EVER)
    for segment in person.rules.segments:
        state = person.segments.setdefault(segment.name, Membership())
        if not state.member and person.holds(segment, now):
            at = _beginning(person, segment, now)
            change = _enter(person, segment, position, at, max(clock, at))
            _decide(person, segment, change)


def _beginning(person: Person, segment: Segment, now: int) -> int:
    found = now
    for at in reversed(person.turns(segment, EVER, now)):
        if not person.holds(segment, at):
            break
        found = at
    return found


def _pass_time(person: Person, steps: Steps, after: int, until: int) -> None:
    """Let the clock go on, step by step where something can turn."""
    for position, clock in _stops(person, steps, after, until):
        entered = [
            change for segment in person.rules.segments for change in _walk(person, segment, after, clock, position)
        ]
        _leave_lost_ground(person, position, clock)
        for segment, change in sorted(entered, key=lambda one: one[1].at):
            _decide(person, segment, change)
        _look(person, position, clock)
        after = clock


def _stops(person: Person, steps: Steps, after: int, until: int) -> list[tuple[int, int]]:
    """Ticks, and the clock from then on, at which a segment of the person may change; the first one always.

    It is the first after a record, which may have taken away the ground of an open episode.
    """
    if until <= after:
        return []
    instants = {after + 1}
    for segment in person.rules.segments:
        instants.update(person.turns(segment, after, until))
    instants.update(state.entered_at for state in person.segments.values() if after < state.entered_at <= until)
    return sorted({steps.reaches(at) for at in instants})


def _leave_lost_ground(person: Person, position: int, clock: int) -> None:
    """Whoever is in, though the rule does not hold at the clock and no instant of the walk said so, left now."""
    for segment in person.rules.segments:
        state = person.segments.get(segment.name)
        if state and state.member and state.entered_at <= clock and not person.holds(segment, clock):
            _leave(person, segment, position, clock, clock)


def _walk(person: Person, segment: Segment, after: int, clock: int, position: int) -> Iterator[tuple[Segment, Change]]:
    """Announce the transitions in `(after, clock]`; yield the entries."""
    state = person.segments.setdefault(segment.name, Membership())
    for at in person.turns(segment, after, clock):
        if at <= max(state.entered_at, state.left_at):
            continue
        holds = person.holds(segment, at)
        if holds and not state.member:
            yield segment, _enter(person, segment, position, at, max(clock, at))
        elif state.member and not holds:
            _leave(person, segment, position, at, max(clock, at))


def _enter(person: Person, segment: Segment, position: int, at: int, announced_at: int) -> Change:
    state = person.segments[segment.name]
    state.member, state.entered_at, state.left_at = True, at, EVER
    counts = tuple(person.counts(segment, announced_at))
    return _announce(person, Change(person.p, person.key, position, segment.name, True, at, announced_at, at, counts))


def _leave(person: Person, segment: Segment, position: int, at: int, announced_at: int) -> None:
    state = person.segments[segment.name]
    state.member, state.left_at = False, at
    counts = tuple(person.counts(segment, at))
    _announce(
        person, Change(person.p, person.key, position, segment.name, False, at, announced_at, state.entered_at, counts)
    )


def _announce(person: Person, change: Change) -> Change:
    person.changes.append(change)
    person.last_position = max(person.last_position, change.position)
    return change


def _decide(person: Person, segment: Segment, change: Change) -> None:
    """Gates in order; `in_segment` asks whether the person is still in when the announcement is made."""
    for ask in person.rules.asks:
        if ask.segment != segment.name:
            continue
        before = person.asked_at.get(ask.name)
        cooled = before is None or change.announced_at - before >= ask.cooldown_ms
        decision = Decision(change, ask.name, person.segments[segment.name].member, cooled)
        person.decisions.append(decision)
        if decision.asked:
            person.asked_at[ask.name] = change.announced_at
