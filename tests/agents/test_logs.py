"""Logs: where it failed and why, and nothing of the people whose events were at hand."""

import json
import subprocess
import sys

import pytest

FAILING = """
import sys
import structlog
from agents import logs

sys.stderr.isatty = lambda: {terminal}
logs.configure()

def fold(record):
    raise ValueError("the row is broken")

try:
    fold({{"email": "canary" + "@example.com"}})
except ValueError as error:
    structlog.get_logger("worker").error("lane failed", exc_info=error)
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_a_failure_is_told_without_the_values_of_variables(terminal: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FAILING.format(terminal=terminal)], capture_output=True, text=True, timeout=30
    ).stderr
    assert "the row is broken" in told
    assert "in fold" in told or '"fold"' in told, "it says where"
    assert "canary@example.com" not in told


def test_in_a_file_a_failure_is_one_line_of_json() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FAILING.format(terminal=False)], capture_output=True, text=True, timeout=30
    ).stderr
    assert json.loads(told)["event"] == "lane failed"


REPEATING = """
import logging
import structlog
from agents import logs

logs.configure()
for broker in range(50):
    logging.getLogger("aiokafka").error("Unable to connect to %s", broker)
    structlog.get_logger("agents.runtime").warning("fetch again", lane=broker)
logging.getLogger("aiokafka").error("Something else of %s", 1)
"""


def test_a_library_that_repeats_itself_is_heard_once_and_we_are_heard_each_time() -> None:
    told = subprocess.run([sys.executable, "-c", REPEATING], capture_output=True, text=True, timeout=30).stderr
    events = [json.loads(line)["event"] for line in told.splitlines()]
    assert events.count("Unable to connect to 0") == 1
    assert sum(event.startswith("Unable") for event in events) == 1
    assert events.count("fetch again") == 50
    assert events[-1] == "Something else of 1"
