"""Verify, room 6d.  Documents: the latest view of each row against what is so (semantics, part 7).

A view is as of the instant up to which its row was decided when it was made: that is not before the last record that
came to the row, nor before the last instant at which time did something.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from agents.verify.accounts.persons import STALE, Personas
from agents.verify.everybody import DOMAIN, OF_FULL_ROWS, Everybody
from agents.verify.outputs import Context
from agents.verify.people import EVER, Change, Decision, Outcome
from agents.verify.people.parts import EXACTLY
from agents.verify.report import Check
from agents.verify.rules import Rules, Segment
from agents.verify.salesforce.values import millis
from agents.verify.standing import FORMER
from agents.verify.texts import iso, parsed, touch, trigger_id, uncounted, unlike
from agents.verify.world import PROFILE_VIEWS

SHOWN = f"""SELECT p, key, max(o), arg_max(value, o) FROM message WHERE topic = '{PROFILE_VIEWS}' AND key IS NOT NULL
    GROUP BY p, key HAVING arg_max(coalesce(digest, ''), o) <> '' ORDER BY p, key"""
CROWDED = f"counts beyond {EXACTLY} stored events of a name in one part, compared by their bounds only"
PENDING = "documents of people of whom something was received that is not decided yet"


@dataclass(frozen=True, slots=True)
class Shown:
    """The latest document of a row."""

    p: int
    o: int
    document: Any
    """None: it is no JSON."""


def shown(con: duckdb.DuckDBPyConnection) -> dict[str, Shown]:
    """Read the latest documents."""
    return {key: Shown(p, o, parsed(value)) for p, key, o, value in con.execute(SHOWN).fetchall()}


@dataclass(frozen=True, slots=True)
class Views:
    """Compares documents."""

    context: Context
    personas: Personas
    skipped: list[str] = field(default_factory=list)
    """Why something could not be compared."""

    @property
    def everybody(self) -> Everybody:
        """Everybody."""
        return self.context.everybody

    @property
    def rules(self) -> Rules:
        """The rules of the file."""
        return self.context.rules

    def differences(self, row: str, document: Any) -> list[str]:
        """Say in what the document of a row differs."""
        if not isinstance(document, dict):
            return ["is no JSON object"]
        if row in self.everybody.owner:
            return self._pointer(row, document)
        return list(filter(None, self._person(row, document)))

    def _pointer(self, row: str, document: dict[str, Any]) -> list[str]:
        """Compare the document of a row that belongs to another."""
        others = len(self.everybody.recount.said.get(row, "x")) - 1
        expected = {"person": row, "merged_into": self.everybody.owner[row], "quarantined_links": others}
        return [] if document == expected else [unlike(expected, document) or "has more than the pointer"]

    def _person(self, row: str, document: dict[str, Any]) -> Iterator[str]:
        outcome, as_of = self.everybody.outcome(row), millis(document.get("as_of"))
        yield unlike(self._plain(row, outcome), document)
        if as_of is None:
            yield f"as_of is {document.get('as_of')}"
            return
        due = [one.announced_at for one in outcome.changes if one.announced_at <= self.everybody.until(row)]
        last = max([*self.everybody.recount.received.get(row, ())[-1:], *due], default=EVER)
        if as_of < last:
            yield f"as_of is {iso(as_of)}, which is before {iso(last)}"
        yield self._counts(outcome, as_of, document.get("counts"))
        if row.startswith("user:"):
            yield from self._segments(outcome, as_of, _object(document.get("segments")))
            yield from self._asks(outcome, as_of, _object(document.get("asks")))
        elif any(one.get("member") for one in _objects(document.get("segments"))):
            yield "is in a segment without a userId"

    def _plain(self, row: str, outcome: Outcome) -> dict[str, Any]:
        everybody, portrait = self.everybody, outcome.portrait
        account, company = everybody.account(row), everybody.company(row)
        records = [one.document() for one in everybody.records(row)]
        others = everybody.recount.said.get(row)
        return {
            "person": row,
            "user_id": row.removeprefix("user:") if row.startswith("user:") else None,
            "aliases": everybody.aliases(row),
            "email": portrait.email,
            "name": portrait.name,
            "first_touch": touch(portrait.first_touch),
            "last_touch": touch(portrait.last_touch),
            "last_non_direct_touch": touch(portrait.last_non_direct_touch),
            "merged_into": None,
            "quarantined_links": len(others) if others else None,
            "salesforce": records or None,
            "account": account and account.document,
            "company": company and {"domain": company.account.removeprefix(DOMAIN), **company.known},
            **({} if self.personas.is_stale(row) else {"persona": self._persona(row, bool(records or company))}),
        }

    def _persona(self, row: str, is_known: bool) -> dict[str, Any] | None:
        """Make the persona of whoever has Salesforce records or a company; nobody else is shown one."""
        if not is_known:
            return None
        return asdict(self.personas.of(row)) | {"map_version": self.rules.personas.version}

    def _counts(self, outcome: Outcome, as_of: int, there: Any) -> str:
        if not isinstance(there, dict):
            return "has no counts"
        expected = outcome.counts(as_of)
        for name in sorted({*there, *expected} & outcome.crowded.keys()):
            least, most = expected.pop(name, 0), outcome.crowded[name]
            count = _object(there.get(name)).get("count", 0)
            if not isinstance(count, int) or not least <= count <= most:
                return f"counts {count} of {name!r}, is to be {least} to {most}"
        exact = {name: value for name, value in there.items() if name not in outcome.crowded}
        return unlike(
            {"counts": {name: {"count": n, "exact": True} for name, n in expected.items()}}, {"counts": exact}
        )

    def _segments(self, outcome: Outcome, as_of: int, there: dict[str, Any]) -> Iterator[str]:
        if self.context.is_by_others(self.everybody.partition(outcome.person), as_of):
            self.skipped.append(FORMER)
            return
        for segment in self.rules.segments:
            known = _object(there.get(segment.name))
            if known and self._is_former(outcome, segment.name, as_of, known.get("rule_version")):
                self.skipped.append(FORMER)
            elif text := self._segment(outcome, segment, as_of, there.get(segment.name)):
                yield f"segment {segment.name}: {text}"
        names = {one.name for one in self.rules.segments}
        for name, one in there.items():
            if name not in names and _object(one).get("member"):
                yield f"is in segment {name!r} of no rule"

    def _is_former(self, outcome: Outcome, segment: str, as_of: int, version: Any) -> bool:
        """Say whether former rules made what is shown of a segment, or left the person where it is."""
        known = [one for one, _ in self.everybody.progress.versions.get(self.everybody.partition(outcome.person), ())]
        first = min((one.announced_at for one in outcome.changes if one.segment == segment), default=EVER)
        return (version != self.rules.version and version in known) or (len(known) > 1 and first > as_of)

    def _segment(self, outcome: Outcome, segment: Segment, as_of: int, there: Any) -> str:
        last = self._last(outcome, segment.name, as_of)
        if there is None and last is None:
            return ""
        expected = {
            "member": last is not None and last.entered,
            "entered_at": iso(last.entered_at) if last else None,
            "left_at": iso(last.at) if last and not last.entered else None,
            "rule_version": self.rules.version,
            "conditions": self._conditions(outcome, segment, as_of),
        }
        if self.context.is_blurred(outcome.person, segment.name):
            expected, there = uncounted(expected), uncounted(there)
        return unlike(expected, there)

    def _last(self, outcome: Outcome, segment: str, as_of: int) -> Change | None:
        """Give the last change by then; of whom former rules left in or out, as those left them."""
        last = [one for one in outcome.changes if one.segment == segment and one.announced_at <= as_of]
        if last:
            return last[-1]
        state = outcome.segments.get(segment)
        if state is None or state.entered_at == EVER or any(one.segment == segment for one in outcome.changes):
            return None
        at = state.entered_at if state.member else state.left_at
        return Change(outcome.person, segment, state.member, at, at, state.entered_at, self.rules.version, ())

    def _conditions(self, outcome: Outcome, segment: Segment, as_of: int) -> list[dict[str, Any]]:
        found = []
        for one in segment.conditions:
            ats = [at for at in outcome.instants.get(one.event, []) if as_of - one.within_ms < at <= as_of]
            found.append(
                {
                    "event": one.event,
                    "within_seconds": one.within_ms // 1000,
                    "required": one.required,
                    "count": len(ats),
                    "holds": len(ats) >= one.required,
                    "counted": [iso(at) for at in (ats[-one.required :] if one.required else [])],
                }
            )
        return found

    def _asks(self, outcome: Outcome, as_of: int, there: dict[str, Any]) -> Iterator[str]:
        last = {one.ask: one for one in outcome.decisions if one.decided_at <= as_of}
        if not self._has_former(outcome.person):
            known = {one.ask for one in outcome.decisions}
            yield from (
                f"shows ask {name!r}, which was not decided" for name, one in there.items() if one and name not in known
            )
        for name, decision in last.items():
            if text := self._ask(outcome, decision, as_of, _object(there.get(name))):
                yield f"ask {name}: {text}"

    def _has_former(self, person: str) -> bool:
        """Say whether rules that are not known may have asked the person before."""
        return len(self.everybody.progress.versions.get(self.everybody.partition(person), ())) > 1

    @staticmethod
    def _ask(outcome: Outcome, decision: Decision, as_of: int, there: dict[str, Any]) -> str:
        expected: dict[str, Any] = {"decided_at": iso(decision.decided_at)}
        if decision.asked:
            trigger = trigger_id(decision.ask, decision.version, decision.person, decision.entered_at)
            taken_back = [
                iso(one.at)
                for one in outcome.withdrawals
                if (one.ask, one.entered_at) == (decision.ask, decision.entered_at) and one.at <= as_of
            ]
            expected |= {"trigger_id": trigger, "withdrawn_at": taken_back[0] if taken_back else None}
        if text := unlike(expected, there):
            return text
        passed = {gate.get("gate"): gate.get("passed") for gate in _objects(there.get("gates"))}
        failed = [gate for gate, ok in decision.gates if not ok]
        wanted = dict(decision.gates) if not failed else {failed[0]: False}
        asked = there.get("verdict") == "asked"
        if asked != decision.asked or not wanted.items() <= passed.items():
            return f"verdict {there.get('verdict')!r} of gates {passed}, is to be of {wanted}"
        return ""


def map_version(one: Shown) -> int | None:
    """Give the version of the maps by which a document names its person; None: it does not."""
    version = _object(_object(one.document).get("persona")).get("map_version")
    return version if isinstance(version, int) else None


def check(context: Context, personas: Personas, there: dict[str, Shown]) -> Check:
    """Compare the latest document of every row; a row without one, and one without a row, are differences."""
    found, everybody, views = Check("people"), context.everybody, Views(context, personas)
    found.skip(sum(map(len, (one.crowded for one in everybody.recount.people.values()))), CROWDED)
    for row in sorted({*everybody.rows, *there} - everybody.gone.keys()):
        found.compared += 1
        where = f"{PROFILE_VIEWS}/{there[row].p}/{there[row].o}" if row in there else PROFILE_VIEWS
        if row not in everybody.rows:
            found.differs(where, row, "a document of nobody: the log has no record of this person")
        elif row in everybody.full:
            found.skip(1, OF_FULL_ROWS)
        elif _is_pending(everybody, row, there[row].document if row in there else None):
            found.skip(1, PENDING)
        elif row not in there:
            if everybody.rows[row]:
                found.differs(where, row, "the document is missing")
        else:
            for text in views.differences(row, there[row].document):
                found.differs(where, row, text)
    for why in views.skipped:
        found.skip(1, why)
    found.skip(sum(personas.is_stale(row) for row in there), STALE)
    return found


def _is_pending(everybody: Everybody, row: str, document: Any) -> bool:
    """Say whether something has come to a row that the document does not know yet, nor has to."""
    last = everybody.recount.received.get(row, [EVER])[-1]
    as_of = millis(_object(document).get("as_of"))
    return last > everybody.until(row) and (as_of is None or as_of < last)


def _objects(found: Any) -> list[dict[str, Any]]:
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
    return [one for one in values if isinstance(one, dict)]


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
