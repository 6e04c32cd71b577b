"""Verify, accounts.  Cells: what a document adds to which row of which report (docs/attribution.md).

In: the touches of a path, (instant, order key, source).  Out: `{cell: amount}`; a cell is three letters and a value.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import md5
from typing import Any, TypeVar

from agents.verify.accounts.models import MODELS
from agents.verify.accounts.shares import divided

ONE = 1_000_000
OF_TOUCHES = {"c": "campaign", "h": "channel", "g": "ga4", "s": "source", "r": "referrer"}
OF_PEOPLE = "poizyta"
TIE_BREAK = ("channel", "ga4", "campaign", "source", "referrer")
LONGEST_NAME, DIGEST = 100, 16

Cells = dict[str, int]
Touch = Sequence[Any]
"""[instant, order key, source]; order keys of one list are of one form."""
T = TypeVar("T", bound=Touch)


def in_order(touches: Iterable[Touch]) -> list[Touch]:
    """Sort touches as they stand in a path."""
    return sorted(touches, key=lambda one: (one[0], one[1], *(one[2].get(name) or "" for name in TIE_BREAK)))


def path_of(touches: Sequence[T], at: int, lookback_ms: int) -> list[T]:
    """Give the touches, in their order, on the path to a conversion; of each the instant comes first."""
    return [touch for touch in touches if at - lookback_ms < touch[0] <= at]


def credit(cells: Counter[str], path: Sequence[Touch], measures: dict[str, int]) -> None:
    """Add what a conversion gives to the touches of its path; to nobody's row where there is none."""
    for model, weigh in MODELS.items():
        weights = weigh([(one[0], one[2].get("channel") == "Direct") for one in path]) if path else [1]
        for measure, amount in measures.items():
            parts = divided(amount, weights)
            for place, part in enumerate(parts):
                add_touch(cells, f"{model}{measure}", path[place] if path else None, part)


def add_touch(cells: Counter[str], letters: str, touch: Touch | None, amount: int) -> None:
    """Add an amount to the rows of a touch, one in each dimension; None: of no touch."""
    for letter, name in OF_TOUCHES.items():
        value = "(unattributed)" if touch is None else touch[2].get(name) or "(none)"
        cells[f"{letter}{letters}:{cut(value)}"] += amount


def cut(value: str) -> str:
    """Shorten the name of a row that is too long, so that two such names stay two."""
    if len(value := str(value)) <= LONGEST_NAME:
        return value
    digest = md5(value.encode(), usedforsecurity=False).hexdigest()[:DIGEST]
    return f"{value[: LONGEST_NAME - DIGEST - 1]}~{digest}"


def without_zeros(cells: Counter[str]) -> Cells:
    """Give what is left of a contribution."""
    return {cell: amount for cell, amount in cells.items() if amount}
