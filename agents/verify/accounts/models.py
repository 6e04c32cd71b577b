"""Verify, accounts.  Models: what each touch of a path is credited (docs/attribution.md, Models).

In: the touches of a path in their order, as (instant, whether it is direct).  Out: a weight each.
"""

from collections.abc import Callable, Sequence

Path = Sequence[tuple[int, bool]]
HALF_MS = 604_800_000
STEPS = 64
STEP_MS = HALF_MS // STEPS


def _root(number: int) -> int:
    """Give the largest integer whose 64th power is at most a number."""
    low, high = 0, 1 << 33
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**STEPS <= number else (low, middle)
    return low


CURVE = [_root(1 << (2048 - i)) for i in range(STEPS + 1)]
"""2^(32 - i/64), rounded down."""


def decayed(age: int) -> int:
    """Weigh a touch by its age before the last one."""
    halvings, rest = divmod(age, HALF_MS)
    i, within = divmod(rest, STEP_MS)
    return (CURVE[i] - (CURVE[i] - CURVE[i + 1]) * within // STEP_MS) >> halvings


def _only(path: Path, place: int) -> list[int]:
    return [int(i == place) for i in range(len(path))]


def _last_non_direct(path: Path) -> list[int]:
    return _only(path, max((i for i, (_, direct) in enumerate(path) if not direct), default=len(path) - 1))


def _position(path: Path) -> list[int]:
    n = len(path)
    return [1] * n if n <= 2 else [2 * (n - 2), *[1] * (n - 2), 2 * (n - 2)]


MODELS: dict[str, Callable[[Path], list[int]]] = {
    "f": lambda path: _only(path, 0),
    "l": lambda path: _only(path, len(path) - 1),
    "n": _last_non_direct,
    "e": lambda path: [1] * len(path),
    "p": _position,
    "d": lambda path: [decayed(path[-1][0] - at) for at, _ in path],
}
"""By their letters in a cell."""
