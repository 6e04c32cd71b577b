"""Verify, accounts.  Shares: an amount divided by weights, to the unit (docs/attribution.md, "Dividing an amount")."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


def divided(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount; what is left over goes to those that lost most, of equal ones to the later."""
    whole, size = sum(weights), abs(amount)
    found = [divmod(size * weight, whole) for weight in weights]
    parts = [part for part, _ in found]
    losers = sorted(range(len(weights)), key=lambda place: (found[place][1], place), reverse=True)
    for place in losers[: size - sum(parts)]:
        parts[place] += 1
    return [part if amount >= 0 else -part for part in parts]


def shares(won: Iterable[tuple[int | None, list[dict[str, Any]]]]) -> dict[str, int]:
    """Give each contact its share of (ARR, roles) of won opportunities; nobody has 0."""
    found: Counter[str] = Counter()
    for arr, roles in won:
        if arr and roles:
            for role, part in zip(roles, divided(arr, [1] * len(roles)), strict=True):
                found[role["contact"]] += part
    return {contact: part for contact, part in found.items() if part}
