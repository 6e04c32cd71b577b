"""Kill points: places where a test lets the process die.  Off, a point is an empty function.

`TOUCHLINE_FAULT_AT=after-commit:3` kills the process (SIGKILL) when it comes to that point for the third time.
"""

import os
import signal
from collections.abc import Callable

POINTS = (
    "after-fetch",
    "after-fold",
    "after-begin",
    "inside-rows",
    "after-rows",
    "inside-sends",
    "after-sends",
    "after-offsets",
    "commit-sent",
    "after-commit",
    "after-apply",
    "in-recovery",
    "in-revoke",
    "after-fence",
)


def _off(name: str) -> None:
    """Do nothing."""


def _armed(name: str, countdown: int) -> Callable[[str], None]:
    left = countdown

    def point(at: str) -> None:
        nonlocal left
        if at == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return point


def _from_environment() -> Callable[[str], None]:
    setting = os.environ.get("TOUCHLINE_FAULT_AT")
    if not setting:
        return _off
    name, _, countdown = setting.partition(":")
    if name not in POINTS:
        msg = f"TOUCHLINE_FAULT_AT: {name!r} is no kill point; there are: {', '.join(POINTS)}"
        raise ValueError(msg)
    return _armed(name, int(countdown or 1))


point: Callable[[str], None] = _from_environment()
