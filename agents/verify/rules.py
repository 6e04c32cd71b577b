"""Verify, room 2.  Rules: this package's own reading of the rules file, so that a misreading elsewhere shows."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.verify.personas.maps import NO_MAPS, Maps

DAY_MS = 86_400_000
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}


class RulesError(Exception):
    """The rules file cannot be read; says where."""


@dataclass(frozen=True, slots=True)
class Condition:
    """At least `required` events of that name in `(t - within_ms, t]`."""

    event: str
    required: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Segment:
    """All or any of the conditions."""

    name: str
    conditions: tuple[Condition, ...]
    every: bool
    """True: all must hold; False: one is enough."""

    def holds(self, counts: list[int]) -> bool:
        """Say whether the segment holds where its conditions count so many, in their order."""
        truths = [count >= one.required for count, one in zip(counts, self.conditions, strict=True)]
        return all(truths) if self.every else any(truths)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a person who enters the segment."""

    name: str
    segment: str
    type: str
    channel: str
    incentive: str
    cooldown_ms: int


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Which fields of Opportunity and Account say what; None: none does."""

    arr: str | None = None
    term_months: str | None = None
    nps: str | None = None
    currency: str = "USD"
    """The corporate currency where Salesforce names none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules file."""

    version: int
    segments: tuple[Segment, ...]
    asks: tuple[Ask, ...]
    idle_ms: int = 30 * 60_000
    longest_ms: int = DAY_MS
    new_session_on_campaign: bool = True
    accounts: AccountRules = AccountRules()
    lookback_ms: int = 90 * DAY_MS
    """How long before an opportunity, or a won one, a touch may lie."""
    acquisition_ms: int = 30 * DAY_MS
    """And before a sign-up."""
    sign_up: str = "Signed Up"
    """Name of the event that is one."""
    personas: Maps = NO_MAPS
    """Of a file of its own, with a version of its own."""

    @property
    def horizon_ms(self) -> int:
        """How long events are kept: 30 days, or the longest window."""
        return max([30 * DAY_MS, *(one.within_ms for segment in self.segments for one in segment.conditions)])


def load(path: Path) -> Rules:
    """Read a rules file.  Raise `RulesError` where it is absent, no TOML, or lacks what verify needs."""
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RulesError(f"{path}: {type(error).__name__}: {error}") from error


def parse(document: dict[str, Any]) -> Rules:
    """Make rules of a parsed file; absent settings have the defaults of docs/semantics.md and docs/accounts.md."""
    web, attribution = document.get("web", {}), document.get("attribution", {})
    return Rules(
        version=int(document.get("version", 1)),
        segments=tuple(_segment(one) for one in document.get("segments", [])),
        asks=tuple(_ask(one) for one in document.get("asks", [])),
        idle_ms=duration_ms(web.get("idle", "30m")),
        longest_ms=duration_ms(web.get("longest", "24h")),
        new_session_on_campaign=bool(web.get("new_session_on_campaign", True)),
        accounts=AccountRules(**document.get("accounts", {})),
        lookback_ms=duration_ms(attribution.get("lookback", "90d")),
        acquisition_ms=duration_ms(attribution.get("acquisition_lookback", "30d")),
        sign_up=str(attribution.get("sign_up", "Signed Up")),
    )


def duration_ms(text: str) -> int:
    """`30d`, `12h`, `30m`, `45s` in milliseconds; raise ValueError on anything else."""
    unit = text.lstrip("0123456789")
    if unit not in UNIT_MS or unit == text:
        raise ValueError(f"{text!r} is no duration such as 30d, 12h, 30m or 45s")
    return int(text[: -len(unit)]) * UNIT_MS[unit]


def _segment(one: dict[str, Any]) -> Segment:
    rule = one["rule"]
    inner = rule.get("all") or rule.get("any") or [rule]
    return Segment(one["name"], tuple(_condition(part["count"]) for part in inner), every="any" not in rule)


def _condition(count: dict[str, Any]) -> Condition:
    required = count["at_least"] if "at_least" in count else count["more_than"] + 1
    return Condition(count["event"], int(required), duration_ms(count["within"]))


def _ask(one: dict[str, Any]) -> Ask:
    return Ask(
        one["name"],
        one["segment"],
        one.get("type", one["name"]),
        one.get("channel", ""),
        one.get("incentive", "none"),
        duration_ms(one.get("cooldown", "0s")),
    )
