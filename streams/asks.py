"""Room 5.  Asks: who enters a segment is asked, once, if every gate lets the ask pass.

In: a person's change, the asks of that segment.  Kept: an `Asked` an ask.  Out: triggers.
"""

from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec.structs import replace

from streams.activity import Touch
from streams.events import Alias, Millis, Taken
from streams.instants import iso
from streams.policy import Ask
from streams.segments import Change

EMAIL = "email"
"""The channel for which an address has to be known."""
TRIGGERS: UUID = uuid5(NAMESPACE_URL, "https://touchline.dev/trigger")


class Gate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One gate's verdict."""

    gate: str
    passed: bool
    detail: str


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last decision about one ask, and when the person was really asked."""

    decided_at: Millis
    trigger_id: str | None
    """None: a gate said no."""
    asked_at: Millis | None
    """The last trigger of this ask, for the cooldown; None: never asked."""
    gates: tuple[Gate, ...]
    last_trigger: str | None = None
    """The trigger of `asked_at`; None, too, once it is withdrawn."""
    withdrawn_at: Millis | None = None
    """When the trigger of `asked_at` was withdrawn."""


class Trigger(msgspec.Struct, frozen=True, gc=False):
    """One ask to be made of one person."""

    trigger_id: str
    ask: Ask
    change: Change
    email: str | None
    full_name: str | None
    gates: tuple[Gate, ...]
    first_touch: Touch | None
    last_touch: Touch | None
    account: tuple[str, bytes] | None
    """As `Profile.account` at the decision: its id and its state, a JSON object; None: there is none."""


Reason: TypeAlias = Taken | Literal["forgotten"]
"""Why a trigger is withdrawn: what it rested on belongs to somebody else now, or the person was forgotten."""


class Withdrawn(msgspec.Struct, frozen=True, gc=False):
    """A trigger whose ground has gone."""

    trigger_id: str
    ask: str
    person: Alias
    at: Millis
    reason: Reason


def trigger_id(ask: str, rule_version: int, person: Alias, entered_at: Millis) -> str:
    """Name a trigger by what it is about: the same decision has the same id on any machine, in any replay."""
    return str(uuid5(TRIGGERS, f"{ask}|{rule_version}|{person}|{entered_at}"))


def decide(ask: Ask, change: Change, before: Asked | None, *, email: str | None) -> Asked:
    """Let an ask pass the gates, in order; all verdicts are recorded, the first no included.

    `before` is the last decision about this ask and person; its `asked_at` starts the cooldown.
    `email`: the person's address; None: none is known.
    """
    now = change.announced_at
    asked_at = before.asked_at if before is not None else None
    gates = (_in_segment(change), *_address(ask, email), _cooldown(ask, asked_at, now))
    if not all(gate.passed for gate in gates):
        known = before if before is not None else Asked(now, None, None, ())
        return replace(known, decided_at=now, trigger_id=None, gates=gates)
    made = trigger_id(ask.name, change.rule_version, change.person, change.entered_at)
    return Asked(now, made, now, gates, made)


def withdraw(asked: Asked, at: Millis) -> Asked:
    """Take the last trigger back.  The cooldown goes on: the ask may have been made already."""
    return replace(asked, last_trigger=None, withdrawn_at=at)


def _in_segment(change: Change) -> Gate:
    return Gate("in_segment", passed=True, detail=f"entered {change.segment} at {iso(change.entered_at)}")


def _address(ask: Ask, email: str | None) -> tuple[Gate, ...]:
    """Look for an address where the ask goes by email; other channels have no such gate."""
    if ask.channel != EMAIL:
        return ()
    known = email is not None
    return (
        Gate("address", passed=known, detail="an address is known" if known else "unknown: no address to write to"),
    )


def _cooldown(ask: Ask, asked_at: Millis | None, now: Millis) -> Gate:
    if asked_at is None:
        return Gate("cooldown", passed=True, detail="never asked before")
    ends_at = asked_at + ask.cooldown_ms
    if now >= ends_at:
        return Gate("cooldown", passed=True, detail=f"last asked at {iso(asked_at)}")
    return Gate("cooldown", passed=False, detail=f"asked at {iso(asked_at)}, not again before {iso(ends_at)}")
