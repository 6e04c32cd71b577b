"""Verify, room 6f.  Withdrawals: what was asked of a person is taken back when it is forgotten (semantics, part 8)."""

from collections import defaultdict
from typing import Any

from agents.verify import outputs
from agents.verify.heavy import Heavy
from agents.verify.outputs import Written, ask_headers
from agents.verify.person import Withdrawal
from agents.verify.report import Check
from agents.verify.rules import Rules
from agents.verify.texts import canonical, iso, trigger_id, unlike
from agents.verify.world import REFERRAL_TRIGGERS

CE_TYPE = "touchline.referral.withdrawn.v1"


def apart(written: list[Written]) -> tuple[list[Written], list[Written]]:
    """Divide what stands in `referral-triggers` into triggers and withdrawals, by their headers."""
    triggers = [one for one in written if one[4].get("ce_type") != CE_TYPE]
    return triggers, [one for one in written if one[4].get("ce_type") == CE_TYPE]


def check(
    rules: Rules, heavy: Heavy, expected: list[Withdrawal], found_there: list[Written], triggers: list[Written], *,
    mixed: bool,
) -> Check:  # fmt: skip
    """Compare: each exactly once, after its trigger, with its value and headers."""
    check = Check("withdrawals")
    if mixed:
        check.skip(len(found_there), "decisions of several versions of the rules")
        return check
    asked_at = {value.get("trigger_id"): (p, o) for p, o, _, value, _ in triggers}
    wanted: dict[str, list[Withdrawal]] = defaultdict(list)
    for one in (one for one in expected if (one.p, one.person) not in heavy.blurred):
        wanted[document(rules, one)["trigger_id"]].append(one)
    for message in outputs.clear(check, heavy, found_there):
        p, o, key, value, _ = message
        check.compared += 1
        where, due = f"{REFERRAL_TRIGGERS}/{p}/{o}", wanted.get(str(value.get("trigger_id")))
        if not due:
            check.differs(where, key, f"withdrawal of {value.get('trigger_id')} is not to be, or doubled")
            continue
        for text in _differences(document(rules, due.pop()), message):
            check.differs(where, key, text)
        if (p, o) < asked_at.get(value["trigger_id"], (p, o)):
            check.differs(where, key, "stands before its trigger")
    for one in (one for due in wanted.values() for one in due):
        check.compared += 1
        check.differs(f"user-events/{one.p}/{one.position}", one.person, f"withdrawal of {one.ask} is missing")
    return check


def document(rules: Rules, one: Withdrawal) -> dict[str, Any]:
    """Value of a withdrawal."""
    return {
        "trigger_id": trigger_id(one.ask, rules.version, one.person, one.entered_at),
        "person": {"key": one.person, "user_id": one.person.removeprefix("user:")},
        "ask": one.ask,
        "reason": "forgotten",
        "withdrawn_at": iso(one.at),
    }


def _differences(expected: dict[str, Any], message: Written) -> list[str]:
    _, _, key, value, headers = message
    person = expected["person"]["key"]
    texts = [
        unlike(expected, value) or ("" if canonical(value) == canonical(expected) else "has more than it should"),
        "" if key == person else "the key is not the person",
        *ask_headers(CE_TYPE, expected["trigger_id"], person, expected["withdrawn_at"], headers),
    ]
    return [text for text in texts if text]
