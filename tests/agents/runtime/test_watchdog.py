"""The watchdog ends its own process, so each test watches one from outside."""

import subprocess
import sys

import pytest

from agents.runtime.watchdog import STALLED

PROGRAM = """
import time
from agents.runtime.watchdog import Watchdog
stalled = None
watchdog = Watchdog(lambda: stalled, seconds={seconds})
watchdog.start()
{body}
"""


def run(body: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(seconds=seconds, body=body)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


def test_a_reason_ends_the_process_and_is_said() -> None:
    done = run("stalled = 'web-events/3: nothing done'\ntime.sleep(20)")
    assert done.returncode == STALLED
    assert "web-events/3: nothing done" in done.stderr


def test_an_event_loop_that_does_not_beat_ends_the_process() -> None:
    done = run("time.sleep(20)", seconds=1.5)
    assert done.returncode == STALLED
    assert "event loop blocked" in done.stderr


def test_a_stop_that_hangs_ends_the_process() -> None:
    done = run("watchdog.leave_within(1)\ntime.sleep(20)")
    assert done.returncode == STALLED
    assert "not stopped within" in done.stderr


@pytest.mark.parametrize("body", ["watchdog.beat()", "watchdog.stop()\ntime.sleep(3)"])
def test_a_process_that_ends_by_itself_is_left_alone(body: str) -> None:
    assert run(body, seconds=1.5).returncode == 0
