"""A sample of `make faults`, some three minutes: whatever dies, both oracles find the log exact."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.catalogue import catalogue
from tests.faults.play import play_once
from tests.faults.run import Outcome
from tests.faults.site import OneNode

pytestmark = pytest.mark.integration
FAULTS = {fault.name: fault for fault in catalogue(random_minutes=0.5)}
KILLS = (
    "after-fold",
    "inside-sends",
    "sent-to-rejected-events",
    "sent-to-account-events",
    "commit-sent",
    "after-commit",
    "in-recovery",
)

SALESFORCE = ("account-events", "salesforce-records", "salesforce-refetch", "user-timeline")
"""Topics in which its changes have to leave something, or nothing is proved of them."""


class Played:
    """One site, on which faults are played one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._site = OneNode(folder / "site", os.environ.get("TEST_KAFKA_VERSION", ""))
        self._runner = asyncio.Runner()
        self._number = 0

    def up(self) -> None:
        self._runner.run(self._site.up())

    def down(self) -> None:
        self._runner.run(self._site.down())
        self._runner.close()

    def play(self, name: str) -> Outcome:
        self._number += 1
        folder, chance = self._folder / str(self._number), Random(self._number)
        return self._runner.run(play_once(FAULTS[name], self._site, self._number, folder, chance))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    one = Played(tmp_path_factory.mktemp("faults"))
    one.up()
    yield one
    one.down()


def exact(outcome: Outcome) -> None:
    assert outcome.exact, "\n".join([outcome.problem, *outcome.first])
    assert outcome.verify_compared > 1_000
    assert outcome.messages > 1_000
    assert min(outcome.by_topic[topic] for topic in SALESFORCE) > 20


@pytest.mark.parametrize("point", KILLS)
def test_a_kill_loses_and_doubles_nothing(played: Played, point: str) -> None:
    outcome = played.play(f"kill {point}")
    exact(outcome)
    assert len(outcome.recoveries) == 1


def test_a_kill_during_recovery_from_a_kill_loses_and_doubles_nothing(played: Played) -> None:
    outcome = played.play("kill twice")
    exact(outcome)
    assert outcome.exits["worker-1"] == [-9, -9]


def test_a_kill_in_a_rebalance_loses_and_doubles_nothing(played: Played) -> None:
    exact(played.play("kill in-revoke"))


def test_a_sleeper_finds_itself_fenced(played: Played) -> None:
    outcome = played.play("worker asleep")
    exact(outcome)
    assert outcome.exits["worker-1"] == [71]


def test_a_broker_that_is_killed_loses_and_doubles_nothing(played: Played) -> None:
    exact(played.play("broker killed"))


def test_a_corrupt_rocksdb_is_thrown_away_and_restored(played: Played) -> None:
    exact(played.play("rocksdb corrupt"))
