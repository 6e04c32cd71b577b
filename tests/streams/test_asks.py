"""Gates, cooldown, withdrawal, and the name of a trigger."""

from uuid import UUID

import pytest

from streams.asks import Asked, decide, trigger_id, withdraw
from streams.policy import UNITS_MS, Ask
from streams.segments import Change

T0 = 1_760_000_000_000
COOLDOWN = 90 * UNITS_MS["d"]
REVIEW = Ask("review", "power-users", "review", "in-app", "none", COOLDOWN)
MAIL = Ask("mail", "power-users", "review", "email", "none", COOLDOWN)
ADDRESS = "ann@example.com"


def entered(at: int = T0, announced_at: int | None = None, rule_version: int = 1) -> Change:
    known_at = at if announced_at is None else announced_at
    return Change("user:u1", "power-users", True, at, known_at, at, rule_version, ())


def asked_at(at: int, before: Asked | None = None, ask: Ask = REVIEW, email: str | None = None) -> Asked:
    """What an ask of somebody who enters at an instant comes to."""
    return decide(ask, entered(at), before, email=email)


def verdicts(asked: Asked) -> dict[str, bool]:
    return {gate.gate: gate.passed for gate in asked.gates}


def test_who_enters_for_the_first_time_is_asked() -> None:
    asked = asked_at(T0)
    assert asked.trigger_id == trigger_id("review", 1, "user:u1", T0)
    assert (asked.decided_at, asked.asked_at) == (T0, T0)
    assert verdicts(asked) == {"in_segment": True, "cooldown": True}


def test_the_decision_is_made_when_the_change_is_announced() -> None:
    asked = decide(REVIEW, entered(T0, T0 + 700), None, email=None)
    assert (asked.decided_at, asked.asked_at) == (T0 + 700, T0 + 700)
    assert asked.trigger_id == trigger_id("review", 1, "user:u1", T0)


# The address.


def test_an_ask_by_email_needs_an_address_and_others_do_not_look_for_one() -> None:
    assert verdicts(asked_at(T0, ask=MAIL, email=ADDRESS)) == {"in_segment": True, "address": True, "cooldown": True}
    assert verdicts(asked_at(T0, ask=MAIL)) == {"in_segment": True, "address": False, "cooldown": True}
    assert asked_at(T0, ask=MAIL).trigger_id is None
    assert asked_at(T0, email=None).trigger_id is not None


def test_whom_nobody_could_write_to_was_not_asked_and_has_no_cooldown() -> None:
    refused = asked_at(T0, ask=MAIL)
    assert (refused.asked_at, refused.last_trigger, refused.decided_at) == (None, None, T0)
    assert asked_at(T0 + 1, refused, MAIL, ADDRESS).trigger_id is not None


def test_the_gates_stand_in_their_order_and_the_first_no_hides_no_other() -> None:
    before = asked_at(T0, ask=MAIL, email=ADDRESS)
    again = asked_at(T0 + 1, before, MAIL)
    assert [(gate.gate, gate.passed) for gate in again.gates] == [
        ("in_segment", True),
        ("address", False),
        ("cooldown", False),
    ]


def test_the_address_itself_stands_in_no_verdict() -> None:
    assert ADDRESS not in str(asked_at(T0, ask=MAIL, email=ADDRESS).gates)


# The cooldown.


def test_during_the_cooldown_nobody_is_asked_again() -> None:
    asked = asked_at(T0 + COOLDOWN - 1, asked_at(T0))
    assert (asked.trigger_id, asked.asked_at, asked.decided_at) == (None, T0, T0 + COOLDOWN - 1)
    assert verdicts(asked) == {"in_segment": True, "cooldown": False}


def test_the_cooldown_is_over_to_the_millisecond() -> None:
    assert asked_at(T0 + COOLDOWN, asked_at(T0)).trigger_id is not None


def test_a_refusal_does_not_prolong_the_cooldown() -> None:
    refused = asked_at(T0 + COOLDOWN - 1, asked_at(T0))
    assert asked_at(T0 + COOLDOWN, refused).trigger_id is not None


def test_a_refusal_remembers_the_trigger_before_it() -> None:
    asked = asked_at(T0)
    refused = asked_at(T0 + 1, asked)
    assert refused.last_trigger == asked.last_trigger == asked.trigger_id


# Withdrawal.


def test_what_is_withdrawn_is_nobodys_last_trigger_any_more() -> None:
    asked = withdraw(asked_at(T0), T0 + 5)
    assert (asked.last_trigger, asked.withdrawn_at) == (None, T0 + 5)
    assert asked.trigger_id == trigger_id("review", 1, "user:u1", T0), "the verdict stays: it was asked"


@pytest.mark.parametrize(("after", "asks"), [(COOLDOWN - 1, False), (COOLDOWN, True)])
def test_a_withdrawal_does_not_end_the_cooldown(after: int, asks: bool) -> None:
    withdrawn = withdraw(asked_at(T0), T0 + 5)
    assert (asked_at(T0 + after, withdrawn).trigger_id is not None) == asks


def test_a_refusal_remembers_that_the_trigger_before_it_was_withdrawn() -> None:
    refused = asked_at(T0 + 9, withdraw(asked_at(T0), T0 + 5))
    assert (refused.last_trigger, refused.withdrawn_at) == (None, T0 + 5)


def test_the_next_trigger_is_not_withdrawn() -> None:
    again = asked_at(T0 + COOLDOWN, withdraw(asked_at(T0), T0 + 5))
    assert (again.last_trigger, again.withdrawn_at) == (again.trigger_id, None)


# Words and names.


def test_every_gate_says_why() -> None:
    before = asked_at(T0, ask=MAIL, email=ADDRESS)
    first = {gate.gate: gate.detail for gate in before.gates}
    again = {gate.gate: gate.detail for gate in asked_at(T0 + 1, before, MAIL).gates}
    after = {gate.gate: gate.detail for gate in asked_at(T0 + COOLDOWN, before, MAIL).gates}
    assert first["in_segment"] == "entered power-users at 2025-10-09T08:53:20.000Z"
    assert (first["address"], again["address"]) == ("an address is known", "unknown: no address to write to")
    assert first["cooldown"] == "never asked before"
    assert again["cooldown"] == "asked at 2025-10-09T08:53:20.000Z, not again before 2026-01-07T08:53:20.000Z"
    assert after["cooldown"] == "last asked at 2025-10-09T08:53:20.000Z"


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
