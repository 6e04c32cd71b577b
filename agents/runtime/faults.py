"""Kill points: places where a test lets the process die.  Off, a point is an empty function.

`TOUCHLINE_FAULT_AT=after-commit:3` kills the process (SIGKILL) when it comes to that point for the third time;
`after-commit:3+20` kills it 20 ms later, when requests have left it that the point had only prepared.
"""

import os
import signal
import threading
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
SENT_TO = "sent-to-"
"""And one for each topic: `sent-to-rejected-events`, a batch of messages for it is handed over."""


def _off(name: str) -> None:
    """Do nothing."""


def _armed(name: str, countdown: int, delay_ms: int) -> Callable[[str], None]:
    left = countdown

    def point(at: str) -> None:
        nonlocal left
        if at == name:
            left -= 1
            if left == 0:
                _die_in(delay_ms)

    return point


def _die_in(delay_ms: int) -> None:
    if delay_ms:
        timer = threading.Timer(delay_ms / 1000, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _from_environment() -> Callable[[str], None]:
    setting = os.environ.get("TOUCHLINE_FAULT_AT")
    if not setting:
        return _off
    name, _, when = setting.partition(":")
    if name not in POINTS and not name.startswith(SENT_TO):
        msg = f"TOUCHLINE_FAULT_AT: {name!r} is no kill point; there are: {', '.join(POINTS)}, {SENT_TO}<topic>"
        raise ValueError(msg)
    countdown, _, delay_ms = when.partition("+")
    return _armed(name, int(countdown or 1), int(delay_ms or 0))


point: Callable[[str], None] = _from_environment()
