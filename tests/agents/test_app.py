"""The Faust app of a worker: what of Faust is left out, since it would lose, double or show something."""

import inspect
from pathlib import Path

import faust
import pytest

from agents import rules_file
from agents.app import build_app
from agents.metrics import WorkerMetrics
from agents.probes import Health
from agents.runtime.delivery import BatchTransport
from agents.settings import Settings
from agents.topology import KEEP_RECORDS, NORMALISE_CHANGES, NORMALISE_EVENTS, TRACK_PROFILES
from streams import topics
from tests.conftest import Touchline

MISCONFIGURED = 78


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    rules = Path(__file__).parents[2] / "rules.toml"
    return Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("app"), rules=rules)


@pytest.fixture(scope="module")
def app(settings: Settings) -> faust.App:
    return build_app(settings, rules_file.load(settings.rules), WorkerMetrics(), Health())


def test_the_agents_are_named_here_and_nothing_is_discovered(app: faust.App) -> None:
    assert set(app.agents) == {NORMALISE_EVENTS, NORMALISE_CHANGES, KEEP_RECORDS, TRACK_PROFILES}
    assert not app.conf.autodiscover


def test_fausts_own_web_server_is_off(app: faust.App) -> None:
    assert not app.conf.web_enabled


def test_fausts_tables_and_transactions_are_not_used(app: faust.App) -> None:
    assert not app.tables
    assert app.conf.processing_guarantee == faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE
    assert isinstance(app.transport, BatchTransport)


def test_no_agent_yields_so_that_no_header_can_make_it_reply(app: faust.App) -> None:
    assert len(app.agents) == 4
    assert not any(inspect.isasyncgenfunction(agent.fun) for agent in app.agents.values())


def test_agents_take_bytes_as_they_are_so_that_no_message_breaks_in_fausts_hands(app: faust.App) -> None:
    channels = {agent.channel.get_topic_name(): agent.channel for agent in app.agents.values()}
    consumed = (topics.WEB_EVENTS, topics.SALESFORCE_CHANGES, topics.ACCOUNT_EVENTS, topics.USER_EVENTS)
    assert set(channels) == {topic.name for topic in consumed}
    assert {channel.value_serializer for channel in channels.values()} == {"as-is"}


def test_nothing_waits_for_a_stream_to_be_empty(app: faust.App) -> None:
    assert not app.conf.stream_wait_empty, "it has no deadline, and swallows being cancelled"


def test_without_fausts_compiled_extension_a_worker_does_not_start(settings: Settings, touchline: Touchline) -> None:
    refused = touchline.run(settings, "worker", NO_CYTHON="1")
    assert refused.returncode == MISCONFIGURED
    assert "compiled extension" in refused.stdout + refused.stderr
