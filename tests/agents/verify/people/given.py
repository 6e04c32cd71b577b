"""Inputs in a few words."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from agents.verify.people import Event, Forget, Link, Split
from agents.verify.rules import Rules, parse

T0 = 1_760_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
USER, OTHER, VISITOR, ADDRESS = "user:u1", "user:u2", "anon:a1", "email:ann@example.com"
DIRECT = {"channel": "Direct", "ga4": "Direct"}
NUMBERS = count()


def instant(text: str) -> int:
    """`2025-11-16T17:34:20.992` as milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def rules(*conditions: tuple[str, int, str], every: bool = True, version: int = 1, **ask: Any) -> Rules:
    """One segment, `s`, of (event, at least, within), and one ask of it, `a`."""
    parts = [{"count": {"event": event, "at_least": n, "within": within}} for event, n, within in conditions]
    segment = {"name": "s", "rule": {"all" if every else "any": parts}}
    asks = [{"name": "a", "segment": "s", "channel": "in-app"} | ask]
    return parse({"version": version, "segments": [segment], "asks": asks})


TWICE_A_WEEK = rules(("E", 2, "7d"))
"""More than one E in 7 d."""


def did(at: int, *, alias: str = USER, r: int | None = None, name: str = "E", id: str = "", **more: Any) -> Event:
    """An event, received when it happened unless `r` says when."""
    return Event(alias, id or f"m{next(NUMBERS)}", at, at if r is None else r, name, **more)


def came(at: int, *, alias: str = USER, r: int | None = None, **source: Any) -> Event:
    """A visit; without a channel it continues."""
    return did(at, alias=alias, r=r, name="$page", visit=True, source=source or None)


def link(r: int, alias: str = VISITOR, to: str = USER, *, at: int | None = None, id: str = "") -> Link:
    return Link(alias, to, id or f"l{next(NUMBERS)}", r if at is None else at, r)


def split(r: int, alias: str = VISITOR, *, apart: bool = True) -> Split:
    return Split(alias, apart, f"s{next(NUMBERS)}", r, r)


def forget(r: int, alias: str = USER) -> Forget:
    return Forget(alias, r)
