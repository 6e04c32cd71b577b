"""Gates, cooldown, and the name of a trigger."""

from uuid import UUID

from streams.asks import Asked, decide, trigger_id
from streams.policy import UNITS_MS, Ask
from streams.segments import Change

T0 = 1_760_000_000_000
COOLDOWN = 90 * UNITS_MS["d"]
REVIEW = Ask("review", "power-users", "review", "email", "none", COOLDOWN)


def entered(at: int = T0, announced_at: int | None = None, rule_version: int = 1) -> Change:
    known_at = at if announced_at is None else announced_at
    return Change("user:u1", "power-users", True, at, known_at, at, rule_version, ())


def verdicts(asked: Asked) -> dict[str, bool]:
    return {gate.gate: gate.passed for gate in asked.gates}


def test_who_enters_for_the_first_time_is_asked() -> None:
    asked = decide(REVIEW, entered(), None, inside=True)
    assert asked.trigger_id == trigger_id("review", 1, "user:u1", T0)
    assert (asked.decided_at, asked.asked_at) == (T0, T0)
    assert verdicts(asked) == {"in_segment": True, "cooldown": True}


def test_the_decision_is_made_when_the_change_is_announced() -> None:
    asked = decide(REVIEW, entered(T0, T0 + 700), None, inside=True)
    assert (asked.decided_at, asked.asked_at) == (T0 + 700, T0 + 700)
    assert asked.trigger_id == trigger_id("review", 1, "user:u1", T0)


def test_during_the_cooldown_nobody_is_asked_again() -> None:
    before = decide(REVIEW, entered(), None, inside=True)
    asked = decide(REVIEW, entered(T0 + COOLDOWN - 1), before, inside=True)
    assert (asked.trigger_id, asked.asked_at, asked.decided_at) == (None, T0, T0 + COOLDOWN - 1)
    assert verdicts(asked) == {"in_segment": True, "cooldown": False}


def test_the_cooldown_is_over_to_the_millisecond() -> None:
    before = decide(REVIEW, entered(), None, inside=True)
    assert decide(REVIEW, entered(T0 + COOLDOWN), before, inside=True).trigger_id is not None


def test_a_refusal_does_not_prolong_the_cooldown() -> None:
    asked = decide(REVIEW, entered(), None, inside=True)
    refused = decide(REVIEW, entered(T0 + COOLDOWN - 1), asked, inside=True)
    assert decide(REVIEW, entered(T0 + COOLDOWN), refused, inside=True).trigger_id is not None


def test_a_refusal_remembers_the_trigger_before_it() -> None:
    asked = decide(REVIEW, entered(), None, inside=True)
    refused = decide(REVIEW, entered(T0 + 1), asked, inside=True)
    assert refused.last_trigger == asked.last_trigger == asked.trigger_id


def test_who_is_out_again_when_it_is_announced_is_not_asked() -> None:
    asked = decide(REVIEW, entered(T0, T0 + 700), None, inside=False)
    assert (asked.trigger_id, asked.asked_at) == (None, None)
    assert verdicts(asked) == {"in_segment": False, "cooldown": True}


def test_every_gate_says_why() -> None:
    before = decide(REVIEW, entered(), None, inside=True)
    first = {gate.gate: gate.detail for gate in before.gates}
    again = {gate.gate: gate.detail for gate in decide(REVIEW, entered(T0 + 1), before, inside=True).gates}
    assert first["in_segment"] == "entered power-users at 2025-10-09T08:53:20.000Z"
    assert first["cooldown"] == "never asked before"
    assert again["cooldown"] == "asked at 2025-10-09T08:53:20.000Z, not again before 2026-01-07T08:53:20.000Z"


def test_a_trigger_has_the_same_id_on_every_machine() -> None:
    assert trigger_id("review", 1, "user:u1", T0) == "df190706-13af-5a70-8fbf-ef819baa735d"


def test_a_trigger_id_is_a_uuid_of_version_5_and_of_all_that_it_is_about() -> None:
    about = [
        ("review", 1, "user:u1", T0),
        ("tweet", 1, "user:u1", T0),
        ("review", 2, "user:u1", T0),
        ("review", 1, "user:u2", T0),
        ("review", 1, "user:u1", T0 + 1),
    ]
    ids = {trigger_id(*one) for one in about}
    assert len(ids) == len(about)
    assert {UUID(one).version for one in ids} == {5}
