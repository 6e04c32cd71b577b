"""Attribution a second time, from its definition, with fractions; slow, and without a line of the first."""

from fractions import Fraction

from streams.activity import Touch

HALF_LIFE = 7 * 24 * 3600 * 1000


def root64(number: int) -> int:
    """The largest integer whose 64th power is at most `number`, by halving the interval."""
    low, high = 0, 1 << 33
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**64 <= number else (low, middle)
    return low


ENTRIES = [root64(2 ** (2048 - entry)) for entry in range(65)]


def path_to(at: int, touches: list[Touch], lookback_ms: int) -> list[Touch]:
    found = [touch for touch in touches if at - lookback_ms < touch.at and touch.at <= at]
    fields = ("channel", "ga4", "campaign", "source", "referrer")
    return sorted(found, key=lambda one: (one.at, one.key, [getattr(one.source, field) or "" for field in fields]))


def shares(model: str, path: list[Touch]) -> list[Fraction]:
    """What part of the whole each touch is owed; they sum to 1."""
    n = len(path)
    if model == "linear":
        return [Fraction(1, n)] * n
    if model == "position" and n > 2:
        middle = Fraction(20, 100) / (n - 2)
        return [Fraction(40, 100), *[middle] * (n - 2), Fraction(40, 100)]
    if model == "position":
        return [Fraction(1, n)] * n
    if model == "time_decay":
        decayed = [decay(path[-1].at - touch.at) for touch in path]
        return [Fraction(weight, sum(decayed)) for weight in decayed]
    return [Fraction(place == winner(model, path)) for place in range(n)]


def winner(model: str, path: list[Touch]) -> int:
    if model == "first":
        return 0
    named = [place for place, touch in enumerate(path) if touch.source.channel != "Direct"]
    return max(named) if model == "last_non_direct" and named else len(path) - 1


def decay(age: int) -> int:
    entry = Fraction(64 * (age % HALF_LIFE), HALF_LIFE)
    below, share = int(entry), entry - int(entry)
    drop = int((ENTRIES[below] - ENTRIES[below + 1]) * share)
    return (ENTRIES[below] - drop) // 2 ** (age // HALF_LIFE)


def credited(amount: int, model: str, path: list[Touch]) -> list[int]:
    ideal = [abs(amount) * share for share in shares(model, path)]
    parts = [int(part) for part in ideal]
    while sum(parts) < abs(amount):
        most = max(range(len(parts)), key=lambda place: (ideal[place] - parts[place], place))
        parts[most] += 1
    return parts if amount >= 0 else [-part for part in parts]
