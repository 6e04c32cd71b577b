"""What over 1,024 stored events of a name do to exactness."""

from agents.verify.heavy import overflow
from agents.verify.rules import DAY_MS

MONTH = 30 * DAY_MS
MINUTE = 60_000


def live(events: int, *, every: int = MINUTE) -> list[tuple[int, int | None]]:
    """Events that come in order, the clock right behind."""
    return [(at, at - 1000) for at in range(0, events * every, every)]


def test_up_to_1024_everything_is_exact() -> None:
    assert overflow(live(1024), 21, MONTH) == (False, False)


def test_beyond_counts_are_inexact_but_rules_still_see() -> None:
    assert overflow(live(1025), 21, MONTH) == (True, False)


def test_what_has_left_the_window_takes_no_room() -> None:
    assert overflow(live(3000, every=DAY_MS // 20), 21, MONTH) == (False, False)


def test_a_clock_far_behind_blinds_the_rules() -> None:
    assert overflow([(at, 0) for at in range(0, 1100 * 60 * MINUTE, 60 * MINUTE)], 21, MONTH) == (True, True)
    assert overflow([(at, None) for at, _ in live(1025)], 1, MONTH) == (True, True)


def test_a_name_that_no_rule_counts_blinds_nobody() -> None:
    assert overflow([(at, None) for at, _ in live(1025)], 0, MONTH) == (True, False)
