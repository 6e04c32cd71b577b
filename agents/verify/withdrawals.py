"""Verify, room 6c.  Withdrawals: what was asked of a person is taken back (semantics, parts 6 and 8)."""

from collections import defaultdict
from typing import Any

from agents.verify.outputs import Context, ask_headers
from agents.verify.people import Withdrawal
from agents.verify.report import Check
from agents.verify.salesforce.values import millis
from agents.verify.standing import FORMER, Written
from agents.verify.texts import canonical, iso, text_of, trigger_id, unlike
from agents.verify.world import REFERRAL_TRIGGERS

CE_TYPE = "touchline.referral.withdrawn.v1"


def apart(written: list[Written]) -> tuple[list[Written], list[Written]]:
    """Divide what stands in `referral-triggers` into triggers and withdrawals, by their headers."""
    triggers = [one for one in written if one[4].get("ce_type") != CE_TYPE]
    return triggers, [one for one in written if one[4].get("ce_type") == CE_TYPE]


def check(context: Context, written: list[Written], triggers: list[Written]) -> Check:
    """Compare: each exactly once, after its trigger, with its value and headers."""
    check = Check("withdrawals")
    ours = [one for one in written if not _is_former(context, one)]
    check.skip(len(written) - len(ours), FORMER)
    there = context.comparable(check, ours, lambda _: context.rules.version)
    asked_at = {text_of(value, "trigger_id"): (p, o) for p, o, _, value, _ in triggers}
    wanted: dict[str, list[Withdrawal]] = defaultdict(list)
    for one in context.decided(lambda one: one.withdrawals):
        wanted[document(one)["trigger_id"]].append(one)
    for message in there:
        p, o, key, value, _ = message
        check.compared += 1
        where, trigger = f"{REFERRAL_TRIGGERS}/{p}/{o}", text_of(value, "trigger_id")
        due = wanted.get(trigger)
        if not due:
            check.differs(where, key, f"withdrawal of {trigger} is not to be, or doubled")
            continue
        for text in _differences(document(due.pop()), message):
            check.differs(where, key, text)
        if (p, o) < asked_at.get(trigger, (p, o)):
            check.differs(where, key, "stands before its trigger")
    for one in (one for due in wanted.values() for one in due):
        if context.is_due(one.person, one.at):
            check.compared += 1
            check.differs(REFERRAL_TRIGGERS, one.person, f"withdrawal of {one.ask} is missing")
    return check


def _is_former(context: Context, one: Written) -> bool:
    at = millis(text_of(one[3], "withdrawn_at"))
    return at is not None and context.is_by_others(one[0], at)


def document(one: Withdrawal) -> dict[str, Any]:
    """Value of a withdrawal."""
    return {
        "trigger_id": trigger_id(one.ask, one.version, one.person, one.entered_at),
        "person": {"key": one.person, "user_id": one.person.removeprefix("user:")},
        "ask": one.ask,
        "reason": one.reason,
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
