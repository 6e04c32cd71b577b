"""How decisions read in words: durations, instants, conditions, gates, touches.  Pure."""

from collections.abc import Mapping
from typing import Any, TypeAlias
from unicodedata import category

from streams.attribution import Minor, to_text

Document: TypeAlias = Mapping[str, Any]
"""A JSON object of `profile-views` or `referral-triggers`; any field may be missing."""

UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
NAMED = ("campaign", "term", "content", "click", "referrer", "landing")
"""Fields of a touch that are shown with their names."""


def plain(value: object) -> str:
    """Text that is safe on a terminal: names come from outside and could carry escape codes."""
    return "".join("\N{REPLACEMENT CHARACTER}" if category(sign)[0] == "C" else sign for sign in str(value))


def duration(seconds: object) -> str:
    """`2592000` -> `30 days`; the largest unit that divides it."""
    if not isinstance(seconds, int) or seconds <= 0:
        return plain(seconds)
    size, name = next(unit for unit in UNITS if seconds % unit[0] == 0)
    return f"{seconds // size} {name}{'s' if seconds != size else ''}"


def instant(text: object) -> str:
    """`2025-10-09T08:53:20.000Z` -> `2025-10-09 08:53:20.000`; absent: `never`."""
    return plain(text).replace("T", " ").removesuffix("Z") if text else "never"


def condition(found: Document) -> str:
    """`Report Viewed: 20 of 21 within 30 days, 1 short`."""
    count, required = found.get("count", 0), found.get("required", 0)
    line = f"{plain(found.get('event', '?'))}: {count} of {required} within {duration(found.get('within_seconds'))}"
    short = required - count if isinstance(count, int) and isinstance(required, int) else 0
    return f"{line}, {short} short" if short > 0 else line


def gate(found: Document) -> str:
    """`cooldown: last asked 3 days ago`: the gate's name and, where there is one, the detail."""
    name = plain(found.get("gate", "?")).replace("_", " ")
    return f"{name}: {plain(found['detail'])}" if found.get("detail") else name


def touch(found: Document | None) -> str:
    """`Paid Search, google / cpc, campaign spring, landing shop.example/pricing`; absent: `none known`."""
    if not found:
        return "none known"
    origin = " / ".join(plain(found[name]) for name in ("source", "medium") if found.get(name))
    labels = [f"{name} {plain(found[name])}" for name in NAMED if found.get(name)]
    return ", ".join([plain(found.get("channel", "unknown channel")), *([origin] if origin else []), *labels])


def record(found: Document) -> str:
    """`Contact 003..., VP Product`: a Salesforce record, and the title that it gives."""
    title = (found.get("fields") or {}).get("Title")
    return plain(f"{found.get('object', '?')} {found.get('id', '?')}") + (f", {plain(title)}" if title else "")


def account(found: Document) -> str:
    """`Acme, Software, 400 employees, ARR 1,000.00 USD, owner Eve Ng`; what is not known is left out."""
    employees, arr, owner = found.get("employees"), found.get("arr"), (found.get("owner") or {}).get("name")
    currency = str(found.get("currency", "USD"))
    said = (
        plain(found.get("name") or found.get("id", "?")),
        plain(found.get("industry") or ""),
        f"{employees:,} employees" if isinstance(employees, int) else "",
        f"ARR {money(arr, currency)} {plain(currency)}" if isinstance(arr, int) else "",
        f"owner {plain(owner)}" if owner else "",
    )
    return ", ".join(text for text in said if text)


def money(amount: Minor, currency: str) -> str:
    """`1,234.50`, for JPY `1,235`: minor units as people write them."""
    units, point, rest = to_text(amount, currency).partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}{int(units.removeprefix('-')):,}{point}{rest}"


def why(trigger: Document) -> str:
    """One line: the conditions that held when the trigger was decided."""
    reasons = trigger.get("why") or {}
    return "; ".join(condition(found) for found in reasons.get("conditions", ())) or "no reason given"
