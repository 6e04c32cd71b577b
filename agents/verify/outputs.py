"""Verify, room 6b.  Outputs: every segment change and trigger, no more and no fewer (semantics, parts 5 and 6).

Demanded is what is decided up to the instant that `progress` says; what comes after it may be there, if it is right.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agents.verify.everybody import OF_FULL_ROWS, Everybody
from agents.verify.people import Change, Decision, Outcome
from agents.verify.report import Check
from agents.verify.rules import Ask, Rules, Segment
from agents.verify.standing import FORMER, Written, version_of_change, version_of_trigger
from agents.verify.texts import canonical, conditions, iso, touch, trigger_id, uncounted, unlike
from agents.verify.world import REFERRAL_TRIGGERS, SEGMENT_CHANGES

CE_TYPE = "touchline.referral.trigger.v1"
UNORDERED = "accounts in triggers: one that the person was told of, or none; what Salesforce tells has no received time"


@dataclass(frozen=True, slots=True)
class Context:
    """What all comparisons of decisions need."""

    everybody: Everybody
    rules: Rules

    def decided(self, of: Callable[[Outcome], Iterable[Any]]) -> list[Any]:
        """Give what was decided about everybody whose decisions can be told."""
        people = self.everybody.recount.people
        return [one for person in sorted(people) if person not in self.everybody.full for one in of(people[person])]

    def comparable(self, check: Check, there: list[Written], version: Callable[[Any], Any]) -> list[Written]:
        """Leave out what cannot be told: what others than the file's rules decided, and people of full rows."""
        ours = [one for one in there if not self._is_former(one[0], version(one[3]))]
        check.skip(len(there) - len(ours), FORMER)
        clear = [one for one in ours if one[2] not in self.everybody.full]
        check.skip(len(ours) - len(clear), OF_FULL_ROWS)
        return clear

    def _is_former(self, p: int, version: Any) -> bool:
        """Say whether a partition decided by a version that is not the file's, as its progress says."""
        known = [one for one, _ in self.everybody.progress.versions.get(p, ())]
        return version != self.rules.version and version in known

    def is_by_others(self, p: int, at: int) -> bool:
        """Say whether a partition decided by other rules than the file's at an instant."""
        by = [version for version, since in self.everybody.progress.versions.get(p, ()) if since <= at]
        return bool(by) and by[-1] != self.rules.version

    def is_due(self, person: str, at: int) -> bool:
        """Say whether a decision has to be there."""
        return at <= self.everybody.until(person)

    def is_blurred(self, person: str, segment: str) -> bool:
        """Say whether counts of a rule are not exact."""
        crowded = self.everybody.outcome(person).crowded
        return any(one.event in crowded for found in self.segment(segment) for one in found.conditions)

    def segment(self, name: str) -> list[Segment]:
        """Find the segment of that name; nothing, if the rules have none any more."""
        return [one for one in self.rules.segments if one.name == name]

    def unlike(self, person: str, segment: str, expected: dict[str, Any], found: Any) -> str:
        """Say in what a document differs, but for counts that are not exact."""
        if self.is_blurred(person, segment):
            return unlike(uncounted(expected), uncounted(found))
        return unlike(expected, found)


def check_changes(context: Context, there: list[Written]) -> Check:
    """Compare `segment-changes`: each change with its values, and the order for each person and segment."""
    check = Check("segment changes")
    there = context.comparable(check, there, version_of_change)
    expected = [one for one in context.decided(lambda one: one.changes) if one.version == context.rules.version]
    wanted: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, change in enumerate(expected):
        wanted[_about(change)].append(place)
    turns: dict[tuple[str, str], int] = {}
    for p, o, key, value, _ in there:
        check.compared += 1
        where = f"{SEGMENT_CHANGES}/{p}/{o}"
        said = tuple(str(value.get(name)) for name in ("person", "segment", "change", "at"))
        if not wanted.get(said):
            check.differs(where, key, f"{said[2]} {said[1]} at {said[3]} is not to be, or doubled")
            continue
        place = wanted[said].pop(0)
        change = expected[place]
        if text := context.unlike(change.person, change.segment, change_document(context, change), value):
            check.differs(where, key, text)
        if key != change.person:
            check.differs(where, key, "the key is not the person")
        turn = (change.person, change.segment)
        if turns.get(turn, -1) > place:
            check.differs(where, key, f"{said[2]} at {said[3]} comes after a later change")
        turns[turn] = max(place, turns.get(turn, -1))
    for change in (expected[place] for places in wanted.values() for place in places):
        if context.is_due(change.person, change.announced_at):
            check.compared += 1
            text = f"{_word(change)} {change.segment} at {iso(change.at)} is missing"
            check.differs(SEGMENT_CHANGES, change.person, text)
    return check


def _about(change: Change) -> tuple[str, str, str, str]:
    return change.person, change.segment, _word(change), iso(change.at)


def _word(change: Change) -> str:
    return "entered" if change.entered else "left"


def change_document(context: Context, change: Change) -> dict[str, Any]:
    """Value of a segment change; why somebody leaves a segment that is no more is left open."""
    counted_at = change.announced_at if change.entered else change.at
    why = [{"conditions": conditions(one, change.counts, counted_at)} for one in context.segment(change.segment)]
    return {
        "person": change.person,
        "user_id": change.person.removeprefix("user:"),
        "segment": change.segment,
        "change": _word(change),
        "at": iso(change.at),
        "announced_at": iso(change.announced_at),
        "episode": {"entered_at": iso(change.entered_at)},
        "rule_version": change.version,
        **({"why": why[0]} if why else {}),
    }


def check_triggers(context: Context, there: list[Written]) -> Check:
    """Compare `referral-triggers`: ids, values and CloudEvents headers; each exactly once."""
    check = Check("triggers")
    there = context.comparable(check, there, version_of_trigger)
    wanted: dict[str, list[Decision]] = defaultdict(list)
    for one in context.decided(lambda one: one.decisions):
        if one.asked and one.version == context.rules.version:
            wanted[trigger_id(one.ask, one.version, one.person, one.entered_at)].append(one)
    told = Told(context.everybody, {one.person for due in wanted.values() for one in due})
    for message in there:
        p, o, key, value, _ = message
        check.compared += 1
        where, due = f"{REFERRAL_TRIGGERS}/{p}/{o}", wanted.get(str(value.get("trigger_id")))
        if not due:
            check.differs(where, key, f"trigger {value.get('trigger_id')} is not to be, or doubled")
            continue
        for text in _differences(context, told, due.pop(0), message):
            check.differs(where, key, text)
    for trigger, one in ((trigger, one) for trigger, due in wanted.items() for one in due):
        if context.is_due(one.person, one.decided_at):
            check.compared += 1
            check.differs(REFERRAL_TRIGGERS, one.person, f"trigger {trigger} of {one.ask} is missing")
    check.skip(sum(bool(value.get("account")) for _, _, _, value, _ in there), UNORDERED)
    return check


def _differences(context: Context, told: "Told", decision: Decision, message: Written) -> list[str]:
    _, _, key, value, headers = message
    document = trigger_document(context.rules, decision)
    why = value["why"] if isinstance(value.get("why"), dict) else {}
    gates = [(gate.get("gate"), gate.get("passed")) for gate in _objects(why.get("gates"))]
    texts = [
        unlike(document, value),
        context.unlike(decision.person, decision.segment, trigger_why(context, decision), why),
        "" if gates == list(decision.gates) else f"gates are {gates}, are to be {list(decision.gates)}",
        "" if key == decision.person else "the key is not the person",
        told.wrong(decision.person, value),
        *ask_headers(CE_TYPE, document["trigger_id"], decision.person, document["decided_at"], headers),
    ]
    return [text for text in texts if text]


def _objects(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


class Told:
    """Which account and owner a trigger may name: any that somebody who ever was the person's was told of, or none."""

    def __init__(self, everybody: Everybody, people: set[str]) -> None:
        self.known: dict[str, set[str]] = {}
        for alias, one in everybody.told.items():
            heard = [said for said in one.heard if said.state is not None and said.account.startswith("001")]
            if heard:
                texts = {canonical(_named(said.document)) for said in heard}
                for person in everybody.ever(alias) & people:
                    self.known.setdefault(person, set()).update(texts)

    def wrong(self, person: str, value: dict[str, Any]) -> str:
        """Say what is wrong with account and owner; empty: nothing."""
        account, owner = value.get("account"), value.get("owner")
        if account is None and owner is None:
            return ""
        said = canonical([account, owner])
        return "" if said in self.known.get(person, set()) else f"account is one that the person never heard of: {said}"


def _named(account: dict[str, Any]) -> list[Any]:
    return [{field: account[field] for field in ("id", "name") if field in account}, account.get("owner")]


def trigger_document(rules: Rules, decision: Decision) -> dict[str, Any]:
    """Value of a trigger, all but its `why`, its account and that one's owner."""
    ask, portrait = ask_of(rules, decision), decision.portrait
    user_id = decision.person.removeprefix("user:")
    return {
        "trigger_id": trigger_id(ask.name, decision.version, decision.person, decision.entered_at),
        "person": {"key": decision.person, "user_id": user_id, "email": portrait.email, "name": portrait.name},
        "ask": ask.name,
        "type": ask.type,
        "channel": ask.channel,
        "incentive": ask.incentive,
        "variant": None,
        "segment": decision.segment,
        "episode": {"entered_at": iso(decision.entered_at)},
        "decided_at": iso(decision.decided_at),
        "first_touch": touch(portrait.first_touch),
        "last_touch": touch(portrait.last_touch),
    }


def trigger_why(context: Context, decision: Decision) -> dict[str, Any]:
    """`why` of a trigger, all but its gates."""
    segment = context.segment(decision.segment)[0]
    return {
        "rule_version": decision.version,
        "conditions": conditions(segment, decision.counts, decision.decided_at),
    }


def ask_headers(ce_type: str, trigger: str, person: str, at: str, found: dict[str, str]) -> list[str]:
    """Say in what the CloudEvents headers of a trigger, or of its withdrawal, differ from what they have to be."""
    named = {"ce_specversion": "1.0", "ce_id": trigger, "ce_type": ce_type, "ce_subject": person, "ce_time": at}
    return [
        unlike(named, found),
        "" if found.get("ce_source") else "no header ce_source",
        "" if found.get("content-type", "").startswith("application/json") else "header content-type is not JSON's",
    ]


def ask_of(rules: Rules, decision: Decision) -> Ask:
    """Find the ask of a decision."""
    return next(one for one in rules.asks if one.name == decision.ask)
