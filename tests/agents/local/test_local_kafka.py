"""The local broker: what is decided before anything runs.  Running it is in tests/integration/test_stack.py."""

import shutil

import pytest

from agents.local.kafka import BROKER, Kafka, default_version, need, new_cluster_id
from agents.local.processes import LocalError
from agents.local.redis import Redis


def test_the_pom_names_the_version() -> None:
    assert default_version().split(".")[0] in {"3", "4"}


def test_each_version_keeps_its_jars_apart(tmp_path) -> None:
    assert Kafka(tmp_path, tmp_path, 1, "3.9.1").lib != Kafka(tmp_path, tmp_path, 1).lib


def test_jars_that_are_there_are_not_fetched_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    kafka = Kafka(tmp_path, tmp_path, 1, "3.9.1")
    kafka.lib.mkdir()
    kafka.fetch(lambda line: pytest.fail(line))


def test_the_broker_makes_no_topics_by_itself_and_takes_the_largest_record() -> None:
    assert BROKER["auto.create.topics.enable"] == "false"
    assert BROKER["message.max.bytes"] == 2 << 20


def test_a_missing_program_names_its_debian_package(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalError, match="apt-get install maven"):
        need("mvn", "maven")


def test_without_redis_and_without_debian_the_next_step_is_to_install_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which("redis-server") is None
    with pytest.raises(LocalError, match="Install Redis"):
        Redis(tmp_path / "redis", tmp_path / "redis-lib", 1).fetch(lambda line: None)


def test_no_cluster_id_looks_like_an_option_to_kafkas_tools() -> None:
    made = {new_cluster_id() for _ in range(3000)}
    assert len(made) == 3000
    assert not any(one.startswith("-") for one in made)
