"""Room 2b.  Policy: the rules file as values - windows, segments, asks."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from streams.events import Millis
from streams.personas.maps import NO_MAPS, Maps

SECOND_MS = 1_000
UNITS_MS = {"s": SECOND_MS, "m": 60 * SECOND_MS, "h": 3_600 * SECOND_MS, "d": 86_400 * SECOND_MS}
WINDOW_MS = 30 * UNITS_MS["d"]
"""The window of the shown counts, and the least time that events are kept."""
MOST_REQUIRED = 1_001
"""Events a condition may ask for (`more_than = 1000`): so many stored instants are always exact."""
MOST_WITHIN_MS = 90 * UNITS_MS["d"]
MOST_VERSION = (1 << 32) - 1
"""Rows carry the version of their rules in four bytes."""
DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


class PolicyError(ValueError):
    """A rules file that cannot be used; `problems` says where and what, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Condition:
    """At least `required` events named `event` in `(t - within_ms, t]`."""

    event: str
    required: int
    within_ms: Millis


@dataclass(frozen=True)
class Segment:
    """A named rule over a person."""

    name: str
    conditions: tuple[Condition, ...]
    every: bool
    """True: all conditions must hold; False: one is enough."""

    @cached_property
    def events(self) -> frozenset[str]:
        """Names of the events that the rule counts."""
        return frozenset(condition.event for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask of somebody who enters a segment."""

    name: str
    segment: str
    type: str
    channel: str
    incentive: str
    cooldown_ms: Millis


@dataclass(frozen=True, slots=True)
class Web:
    """How visits become sessions, and which sites are our own."""

    own_domains: tuple[str, ...] = ()
    idle_ms: Millis = 30 * UNITS_MS["m"]
    longest_ms: Millis = 24 * UNITS_MS["h"]
    new_session_on_campaign: bool = True


@dataclass(frozen=True, slots=True)
class Accounts:
    """Which fields of Salesforce mean what; empty: the org has no such field."""

    arr: str = ""
    """Of Opportunity: recurring amount a year."""
    term_months: str = ""
    """Of Opportunity: the contract's term."""
    nps: str = ""
    """Of Account."""
    currency: str = "USD"
    """ISO 4217, of amounts without currency, where the org does not say its corporate one."""


@dataclass(frozen=True, slots=True)
class Lookback:
    """How long before a conversion a touch may lie."""

    acquisition_ms: Millis = 30 * UNITS_MS["d"]
    """Of sign-ups."""
    other_ms: Millis = 90 * UNITS_MS["d"]


@dataclass(frozen=True, slots=True)
class Attribution:
    """What reports take for a sign-up, and how long before a conversion a touch may lie."""

    sign_up: str = "Signed Up"
    """Name of the event."""
    lookback: Lookback = Lookback()


@dataclass(frozen=True)
class Policy:
    """Everything a decision depends on besides state, record and the log's clock."""

    version: int
    segments: tuple[Segment, ...] = ()
    asks: tuple[Ask, ...] = ()
    web: Web = Web()
    accounts: Accounts = Accounts()
    attribution: Attribution = Attribution()
    personas: Maps = NO_MAPS
    """Not of the rules file: the map file has its own version."""

    @cached_property
    def versions(self) -> tuple[int, int]:
        """Versions of the rules and of the maps: a row that is of others is looked at anew."""
        return self.version, self.personas.version

    @cached_property
    def events(self) -> frozenset[str]:
        """Names of the events that any rule counts."""
        return frozenset(event for segment in self.segments for event in segment.events)

    @cached_property
    def horizon_ms(self) -> Millis:
        """How long events are kept: 30 days, or the longest window of a rule."""
        windows = (condition.within_ms for segment in self.segments for condition in segment.conditions)
        return max(WINDOW_MS, *windows, 0)


def duration_ms(text: object) -> Millis:
    """Read `30d`, `12h`, `30m`, `45s` as milliseconds."""
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        msg = 'a duration is a number and a unit, like "30d", "12h", "30m" or "45s"'
        raise ValueError(msg)
    return int(found[1]) * UNITS_MS[found[2]]


Duration = Annotated[int, BeforeValidator(duration_ms)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
ApiName = Annotated[str, Field(pattern=r"^([A-Za-z][A-Za-z0-9_]{0,79})?$")]
"""A field of Salesforce; empty: none."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Count(_Strict):
    event: Annotated[str, Field(min_length=1, max_length=200)]
    more_than: Annotated[int, Field(ge=0, lt=MOST_REQUIRED)] | None = None
    at_least: Annotated[int, Field(ge=1, le=MOST_REQUIRED)] | None = None
    within: Annotated[Duration, Field(le=MOST_WITHIN_MS)]

    @model_validator(mode="after")
    def _one_bound(self) -> "_Count":
        if (self.more_than is None) == (self.at_least is None):
            msg = "give either more_than or at_least"
            raise ValueError(msg)
        return self

    def condition(self) -> Condition:
        required = self.at_least if self.at_least is not None else (self.more_than or 0) + 1
        return Condition(self.event, required, self.within)


class _Counted(_Strict):
    count: _Count


class _Rule(_Strict):
    count: _Count | None = None
    all: Annotated[list[_Counted], Field(min_length=1, max_length=10)] | None = None
    any: Annotated[list[_Counted], Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "_Rule":
        if sum(form is not None for form in (self.count, self.all, self.any)) != 1:
            msg = "a rule is one of: { count = ... }, { all = [...] }, { any = [...] }"
            raise ValueError(msg)
        return self

    def conditions(self) -> tuple[Condition, ...]:
        if self.count is not None:
            return (self.count.condition(),)
        return tuple(counted.count.condition() for counted in self.all or self.any or ())


class _Segment(_Strict):
    name: Name
    rule: _Rule


class _Ask(_Strict):
    name: Name
    segment: str
    type: Literal["review", "tweet", "case-study", "invite"]
    channel: Literal["email", "in-app", "csm"]
    incentive: Annotated[str, Field(max_length=200)] = "none"
    cooldown: Duration


class _Web(_Strict):
    own_domains: list[str] = []
    idle: Duration = Web().idle_ms
    longest: Duration = Web().longest_ms
    new_session_on_campaign: bool = True


class _Accounts(_Strict):
    arr: ApiName = ""
    term_months: ApiName = ""
    nps: ApiName = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Accounts().currency


class _Attribution(_Strict):
    sign_up: Annotated[str, Field(min_length=1, max_length=200)] = Attribution().sign_up
    acquisition_lookback: Annotated[Duration, Field(le=MOST_WITHIN_MS)] = Lookback().acquisition_ms
    lookback: Annotated[Duration, Field(le=MOST_WITHIN_MS)] = Lookback().other_ms


class _File(_Strict):
    version: Annotated[int, Field(ge=1, le=MOST_VERSION)]
    web: _Web = _Web()
    accounts: _Accounts = _Accounts()
    attribution: _Attribution = _Attribution()
    segments: list[_Segment] = []
    asks: list[_Ask] = []

    @model_validator(mode="after")
    def _names_fit(self) -> "_File":
        names = [segment.name for segment in self.segments]
        asks = [ask.name for ask in self.asks]
        problems = [f"two segments are named {name!r}" for name in sorted(set(names)) if names.count(name) > 1]
        problems += [f"two asks are named {name!r}" for name in sorted(set(asks)) if asks.count(name) > 1]
        problems += [
            f"ask {ask.name!r} names segment {ask.segment!r}; there are: {', '.join(names) or 'none'}"
            for ask in self.asks
            if ask.segment not in names
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def parse_policy(text: str) -> Policy:
    """Read a rules file; raise `PolicyError` that lists all its problems."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"not TOML: {error}"]) from None
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise PolicyError([_problem(found) for found in error.errors()]) from None
    return _policy(file)


def _problem(found: Any) -> str:
    where = ".".join(str(part) for part in found["loc"])
    return f"{where or 'file'}: {found['msg'].removeprefix('Value error, ')}"


def _policy(file: _File) -> Policy:
    return Policy(
        version=file.version,
        segments=tuple(
            Segment(found.name, found.rule.conditions(), every=found.rule.any is None) for found in file.segments
        ),
        asks=tuple(
            Ask(found.name, found.segment, found.type, found.channel, found.incentive, found.cooldown)
            for found in file.asks
        ),
        web=Web(tuple(file.web.own_domains), file.web.idle, file.web.longest, file.web.new_session_on_campaign),
        accounts=Accounts(**file.accounts.model_dump()),
        attribution=Attribution(
            file.attribution.sign_up, Lookback(file.attribution.acquisition_lookback, file.attribution.lookback)
        ),
    )
