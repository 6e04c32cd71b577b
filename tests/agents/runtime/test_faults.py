"""Kill points: off by default, deadly where they are asked for."""

import os
import signal
import subprocess
import sys

import pytest

from agents.runtime import faults

PROGRAM = """
from agents.runtime.faults import point
for number in range(5):
    point("after-fold")
    point("after-commit")
    print(number, flush=True)
"""


def run(setting: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHLINE_")}
    if setting is not None:
        environment["TOUCHLINE_FAULT_AT"] = setting
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_the_setting_a_point_does_nothing() -> None:
    assert faults.point is faults._off
    assert run(None).stdout.split() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("setting", "lived"), [("after-commit", 0), ("after-commit:1", 0), ("after-fold:3", 2)])
def test_the_process_is_killed_when_it_comes_to_the_point_for_the_nth_time(setting: str, lived: int) -> None:
    killed = run(setting)
    assert killed.returncode == -signal.SIGKILL
    assert len(killed.stdout.split()) == lived


def test_an_unknown_point_is_refused_with_the_known_ones() -> None:
    refused = run("after-lunch:1")
    assert refused.returncode == 1
    assert "'after-lunch' is no kill point" in refused.stderr
    assert "after-commit" in refused.stderr


def test_a_point_that_is_not_reached_often_enough_kills_nobody() -> None:
    assert run("after-fold:6").returncode == 0
