"""Verify, room 6d.  People: the latest document of each person against what the log says (semantics, part 7)."""

from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from agents.verify.accounts.persons import STALE, persona_of
from agents.verify.facts import Facts, Key
from agents.verify.heavy import BLURRED, STORED_EXACTLY, Heavy
from agents.verify.person import EVER, Decision, Membership, Person, Steps
from agents.verify.report import Check
from agents.verify.rules import Rules, Segment
from agents.verify.texts import iso, parsed, touch, trigger_id, uncounted, unlike
from agents.verify.world import PROFILE_VIEWS


@dataclass(frozen=True, slots=True)
class Views:
    """Compares documents with facts."""

    facts: Facts
    heavy: Heavy
    rules: Rules
    walked: dict[Key, Person]
    """People with a userId, after the whole log."""
    versions_mixed: bool
    """Decisions of several versions of the rules: segments and asks cannot be compared."""

    def differences(self, key: Key, last: int, document: dict[str, Any]) -> list[str]:
        """Say in what the document of a person differs."""
        found = [
            unlike(self._plain(key), document),
            self._as_of(key, last, document.get("as_of")),
            self._counts(key, document),
        ]
        if key in self.walked and not self.versions_mixed and key not in self.heavy.blurred:
            found += self._segments(self.walked[key], document) + self._asks(self.walked[key], document)
        elif key not in self.walked and any(one.get("member") for one in _objects(document.get("segments"))):
            found.append("is in a segment without a userId")
        return [text for text in found if text]

    def _plain(self, key: Key) -> dict[str, Any]:
        first, last, non_direct, email, name = self.facts.touched.get(key, (None,) * 5)
        return {
            "person": key[1],
            "user_id": key[1].removeprefix("user:") if key[1].startswith("user:") else None,
            "aliases": sorted({key[1], *self.facts.aliases.get(key, [])}),
            "email": email,
            "name": name,
            "first_touch": touch(first),
            "last_touch": touch(last),
            "last_non_direct_touch": touch(non_direct),
            "merged_into": None,
            "quarantined_links": self.facts.said.get(key[1]),
            "salesforce": self.facts.salesforce.get(key),
            "account": self.facts.account.get(key),
            "company": self.facts.company.get(key),
            **({} if self.facts.is_stale(key, self.rules) else {"persona": self._persona(key)}),
        }

    def _persona(self, key: Key) -> dict[str, Any] | None:
        """Make the persona of whoever has Salesforce records or a company; nobody else is shown one."""
        if not (self.facts.salesforce.get(key) or self.facts.company.get(key)):
            return None
        named = asdict(persona_of(self.facts, self.rules, key))
        return named | {"map_version": self.rules.personas.version}

    def _as_of(self, key: Key, last: int, shown: Any) -> str:
        """Compare the instant of a view: clock or latest stored event, at the last record or transition, or later."""
        steps = self.facts.steps.get(key[0], Steps([], []))
        position = max(last, self.walked[key].last_position if key in self.walked else -1)
        clock = steps.at(position)
        latest, every = self.facts.latest.get(key, (None, []))
        least = max(clock, latest if latest is not None else EVER)
        own = [iso(at) for at in every if at >= least]
        later = [iso(at) for at in steps.clocks[bisect_left(steps.clocks, least) :]]
        if (clock == EVER and not own) or shown in own or shown in later:
            return ""
        if clock == EVER and latest is None and shown == iso(0):
            return ""
        return f"as_of is {shown}, is to be {' or '.join([*own[:1], 'the clock'])} from offset {position} on"

    def _counts(self, key: Key, document: dict[str, Any]) -> str:
        shown = document.get("counts")
        if not isinstance(shown, dict):
            return "has no counts"
        expected = {name: {"count": count, "exact": True} for name, count in self.facts.counts.get(key, {}).items()}
        for name in [one for one in {*shown, *expected} if (*key, one) in self.facts.heavy]:
            least, most = expected.pop(name, {}).get("count", 0), self.facts.heavy[(*key, name)]
            count = (shown.get(name) or {}).get("count", 0)
            if not least <= count <= most:
                return f"counts {count} of {name!r}, is to be {least} to {most}"
        light = {name: value for name, value in shown.items() if (*key, name) not in self.facts.heavy}
        return unlike({"counts": expected}, {"counts": light})

    def _segments(self, person: Person, document: dict[str, Any]) -> list[str]:
        shown = document.get("segments")
        if not isinstance(shown, dict):
            return ["has no segments"]
        unknown = [
            f"is in segment {name!r} of no rule" for name in shown if name not in {s.name for s in self.rules.segments}
        ]
        return unknown + [
            self._segment(person, segment, shown.get(segment.name), document) for segment in self.rules.segments
        ]

    def _segment(self, person: Person, segment: Segment, shown: Any, document: dict[str, Any]) -> str:
        state = person.segments.get(segment.name, Membership())
        if shown is None and state.entered_at == EVER:
            return ""
        expected = {
            "member": state.member,
            "entered_at": iso(state.entered_at) if state.entered_at > EVER else None,
            "left_at": iso(state.left_at) if state.left_at > EVER else None,
            "rule_version": self.rules.version,
            "conditions": self._conditions(person, segment, document.get("as_of")),
        }
        if (person.p, person.key) in self.heavy.counted:
            expected, shown = uncounted(expected), uncounted(shown)
        text = unlike(expected, shown)
        return f"segment {segment.name}: {text}" if text else ""

    def _conditions(self, person: Person, segment: Segment, as_of: Any) -> list[dict[str, Any]]:
        found = []
        for one in segment.conditions:
            ats = [
                iso(at)
                for at in self.facts.instants.get((person.p, person.key, one.event), [])
                if _within(at, as_of, one.within_ms)
            ]
            found.append(
                {
                    "event": one.event,
                    "within_seconds": one.within_ms // 1000,
                    "required": one.required,
                    "count": len(ats),
                    "holds": len(ats) >= one.required,
                    "counted": ats[-one.required :] if one.required else [],
                }
            )
        return found

    def _asks(self, person: Person, document: dict[str, Any]) -> list[str]:
        shown = _object(document.get("asks"))
        last = {decision.ask: decision for decision in person.decisions}
        found = [
            f"shows ask {name!r}, which was not decided" for name, one in shown.items() if one and name not in last
        ]
        return found + [self._ask(person, decision, _object(shown.get(name))) for name, decision in last.items()]

    def _ask(self, person: Person, decision: Decision, shown: dict[str, Any]) -> str:
        change = decision.change
        expected: dict[str, Any] = {"decided_at": iso(change.announced_at)}
        if decision.asked:
            expected["trigger_id"] = trigger_id(decision.ask, self.rules.version, person.key, change.entered_at)
        text = unlike(expected, shown)
        passed = {gate.get("gate"): gate.get("passed") for gate in _objects(shown.get("gates"))}
        wanted = {"in_segment": decision.in_segment}
        if decision.in_segment:
            wanted["cooldown"] = decision.cooled
        if not text and ((shown.get("verdict") == "asked") != decision.asked or not wanted.items() <= passed.items()):
            text = f"verdict {shown.get('verdict')!r} of gates {passed}, is to be of {wanted}"
        return f"ask {decision.ask}: {text}" if text else ""


def check(
    con: duckdb.DuckDBPyConnection, rules: Rules, facts: Facts, heavy: Heavy, walked: dict[Key, Person],
    versions_mixed: bool,
) -> Check:  # fmt: skip
    """Compare the latest document of every person; a person without one, and one without a person, are differences."""
    found = Check("people")
    views = Views(facts, heavy, rules, walked, versions_mixed)
    found.skip(len(heavy.series), f"counts beyond {STORED_EXACTLY} stored events, compared by their bounds only")
    found.skip(len(heavy.blurred), BLURRED)
    found.skip(sum(facts.is_stale(key, rules) for key in facts.maps), STALE)
    if versions_mixed:
        found.skip(len(walked), "segments and asks: decisions of several versions of the rules")
    query = """SELECT p, row, merged_into, last, optional, o, value FROM expected FULL JOIN shown USING (p, row) ORDER
        BY p, row"""
    for p, row, merged_into, last, optional, offset, value in con.execute(query).fetchall():
        found.compared += 1
        where = f"{PROFILE_VIEWS}/{p}/{offset if offset is not None else '-'}"
        if last is None:
            found.differs(where, row, "a document of nobody: the log has no record of this person")
        elif offset is None:
            if not optional:
                found.differs(where, row, "the document is missing")
        else:
            for text in _compare(views, (p, row), merged_into, last, parsed(value)):
                found.differs(where, row, text)
    return found


def _compare(views: Views, key: Key, merged_into: str | None, last: int, document: Any) -> list[str]:
    if not isinstance(document, dict):
        return ["is no JSON object"]
    if merged_into is None:
        return views.differences(key, last, document)
    refused = views.facts.said.get(key[1], 1) - 1
    expected = {"person": key[1], "merged_into": merged_into, "quarantined_links": refused}
    return [] if document == expected else [unlike(expected, document) or "has more than the pointer"]


def _within(at: int, as_of: Any, within_ms: int) -> bool:
    return isinstance(as_of, str) and iso(at) <= as_of < iso(at + within_ms)


def _objects(found: Any) -> list[dict[str, Any]]:
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
    return [one for one in values if isinstance(one, dict)]


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
