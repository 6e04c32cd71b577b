"""Room 7a.  Models: how the credit for one conversion is divided among the touches before it.

In: touches, the instant of a conversion, an amount.  Kept: nothing.  Out: an integer a touch; they sum to the amount.
Whole numbers throughout, so that SQL can give the same: docs/attribution.md.
"""

from collections.abc import Iterable
from enum import StrEnum
from math import isqrt

from streams.activity import Touch
from streams.events import Millis
from streams.sessions import DIRECT

HALF_LIFE_MS = 604_800_000
"""Time decay: of two touches 7 d apart the earlier weighs half."""
STEPS = 64
STEP_MS = HALF_LIFE_MS // STEPS
DECAY = tuple(isqrt(isqrt(isqrt(isqrt(isqrt(isqrt(1 << (32 * STEPS - step))))))) for step in range(STEPS + 1))
"""2^(32 - step/64), rounded down, for step 0 to 64: the 64th root by six square roots, exact in integers."""


class Model(StrEnum):
    """Who gets the credit."""

    first = "first"
    last = "last"
    last_non_direct = "last_non_direct"
    linear = "linear"
    position = "position"
    time_decay = "time_decay"


def eligible(touches: Iterable[Touch], at: Millis, lookback_ms: Millis) -> list[Touch]:
    """Return the path to a conversion at `at`: the touches in `(at - lookback, at]`, oldest first.

    Order: instant, order key; where two senders gave two events one id, by what reports show of the source.
    """
    after = at - lookback_ms
    return sorted((touch for touch in touches if after < touch.at <= at), key=_order)


def weights(model: Model, path: list[Touch]) -> list[int]:
    """Return how the touches of a path (as `eligible` returns it) weigh against each other; their unit is arbitrary.

    None is negative and not all are 0, unless the path is empty.
    """
    return _WEIGHTS[model](path) if path else []


def split(amount: int, weights: list[int]) -> list[int]:
    """Divide `amount` in proportion to weights that are not all 0; the parts sum to it exactly.

    Every part is rounded towards 0; the units that are left go, one each, to the parts that lost most, of equal ones
    to the later.  The parts of a negative amount are those of the positive one, negated: a reversal cancels.
    """
    size, whole = abs(amount), sum(weights)
    parts = [size * weight // whole for weight in weights]
    left = size - sum(parts)
    if left:
        lost = sorted(((size * weight % whole, place) for place, weight in enumerate(weights)), reverse=True)
        for _, place in lost[:left]:
            parts[place] += 1
    return parts if amount >= 0 else [-part for part in parts]


def credit(amount: int, model: Model, path: list[Touch]) -> list[int]:
    """Return each touch's part of `amount`.  An empty path has no parts: the amount is unattributed."""
    return split(amount, weights(model, path)) if path else []


def decayed(age_ms: Millis) -> int:
    """Return 2^32 * 2^-(age / 7 d) by a table and straight lines between its entries.

    Exactly halved (rounded down) every 7 d; within 2 in 100,000 of the true power up to 90 d; 0 beyond 224 d.
    """
    halvings, rest = divmod(age_ms, HALF_LIFE_MS)
    step, within = divmod(rest, STEP_MS)
    weight = DECAY[step]
    return (weight - (weight - DECAY[step + 1]) * within // STEP_MS) >> halvings


def _order(touch: Touch) -> tuple[Millis, bytes, str, str, str, str, str]:
    source = touch.source
    shown = source.channel, source.ga4, source.campaign or "", source.source or "", source.referrer or ""
    return touch.at, touch.key, *shown


def _one(path: list[Touch], index: int) -> list[int]:
    only = [0] * len(path)
    only[index] = 1
    return only


def _first(path: list[Touch]) -> list[int]:
    return _one(path, 0)


def _last(path: list[Touch]) -> list[int]:
    return _one(path, -1)


def _last_non_direct(path: list[Touch]) -> list[int]:
    named = (index for index in reversed(range(len(path))) if path[index].source.channel != DIRECT)
    return _one(path, next(named, -1))


def _linear(path: list[Touch]) -> list[int]:
    return [1] * len(path)


def _position(path: list[Touch]) -> list[int]:
    """Two fifths to either end, one fifth to those between; without any between, halves."""
    between = len(path) - 2
    if between <= 0:
        return [1] * len(path)
    return [2 * between, *[1] * between, 2 * between]


def _time_decay(path: list[Touch]) -> list[int]:
    """Age counts from the last touch, not from the conversion: the shares are the same, and the last is never 0."""
    latest = path[-1].at
    return [decayed(latest - touch.at) for touch in path]


_WEIGHTS = {
    Model.first: _first,
    Model.last: _last,
    Model.last_non_direct: _last_non_direct,
    Model.linear: _linear,
    Model.position: _position,
    Model.time_decay: _time_decay,
}
