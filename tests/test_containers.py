"""Containers: no Docker engine is here, so everything that can be checked without one is."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from agents.cli import app
from agents.metrics import WorkerMetrics
from agents.probes import Health, Probes
from agents.settings import Settings

CHECKOUT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
HEALTH = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)


def tool(*command: str) -> str:
    """What a tool of the lock file says, with its exit code where that is not 0."""
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    return run.stdout + run.stderr + (f"exit {run.returncode}" if run.returncode else "")


def image_environment() -> dict[str, str]:
    """`TOUCHLINE_*` that the image sets."""
    return dict(re.findall(r"^ +(TOUCHLINE_\w+)=(\S+)", DOCKERFILE, re.MULTILINE))


def test_hadolint_has_nothing_to_say() -> None:
    assert tool(str(TOOLS / "hadolint"), "Dockerfile") == ""


def test_the_compose_file_fits_the_compose_schema() -> None:
    checker = str(TOOLS / "check-jsonschema")
    said = tool(checker, "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert said == "ok -- validation done\n"


def test_the_stack_is_kafka_redis_topics_worker_and_collector() -> None:
    assert set(SERVICES) == {"kafka", "redis", "topics", "worker", "serve"}
    assert set(OURS) == {"topics", "worker", "serve"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert service["stop_grace_period"] == "90s"
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_runs_on_is_restarted_and_watched(name: str) -> None:
    service = SERVICES[name]
    if name == "topics":
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
    else:
        assert service["restart"] == "on-failure"
        assert "healthcheck" in service or name == "worker"  # the worker has the image's own


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_collector_is_published_and_only_on_loopback(name: str) -> None:
    service = SERVICES[name]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    if name == "serve":
        assert service["ports"] == ["127.0.0.1:26080:26080"]
    else:
        assert "ports" not in service
        assert service["networks"] == ["inside"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:\d[\w.-]+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_every_touchline_variable_is_a_setting_and_takes_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = image_environment() | OURS[name]["environment"]
    known = {f"TOUCHLINE_{field.upper()}" for field in Settings.model_fields}
    assert {"TOUCHLINE_KAFKA_BOOTSTRAP", "TOUCHLINE_REDIS_URL", "TOUCHLINE_HTTP_HOST"} <= given.keys() <= known
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = Settings(_env_file=None)
    assert settings.http_host == "0.0.0.0"
    assert settings.kafka_bootstrap == "kafka:9092"


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_touchline(name: str) -> None:
    command: Any = get_command(app)
    for word in OURS[name]["command"]:
        assert word in getattr(command, "commands", {}), f"`touchline {command.name}` has no command {word}"
        command = command.commands[word]
    assert not hasattr(command, "commands"), f"{command.name} is only a group"


def test_secrets_come_as_files_and_never_as_values() -> None:
    (secret,) = SERVICES["serve"]["secrets"]
    assert SERVICES["serve"]["environment"]["TOUCHLINE_WRITE_KEYS_FILE"] == f"/run/secrets/{secret}"
    assert COMPOSE["secrets"][secret].keys() == {"file"}
    assert "TOUCHLINE_WRITE_KEYS" not in {name for service in OURS.values() for name in service["environment"]}


def test_nothing_starts_before_what_it_needs() -> None:
    waits = {name: {on: how["condition"] for on, how in SERVICES[name]["depends_on"].items()} for name in OURS}
    assert waits == {
        "topics": {"kafka": "service_healthy"},
        "worker": {"topics": "service_completed_successfully", "redis": "service_healthy"},
        "serve": {"topics": "service_completed_successfully"},
    }


def test_the_image_runs_as_nobody_in_particular_and_stops_on_sigterm() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^STOPSIGNAL (\S+)", DOCKERFILE, re.MULTILINE) == ["SIGTERM"]


def test_the_image_has_the_python_of_the_project() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert {base.partition("-")[0] for base in bases} == {f"python:{sys.version_info.major}.{sys.version_info.minor}"}


def test_the_engine_gets_what_the_image_is_built_from_and_no_secret() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    allowed = re.findall(r"^!(\S+)$", (CHECKOUT / ".dockerignore").read_text(), re.MULTILINE)
    assert sources == set(allowed) != set()
    assert all((CHECKOUT / source).exists() for source in sources)
    assert not any(fnmatch(private, pattern) for private in (".env", ".local", ".git") for pattern in allowed)


def health_verdicts(command: list[str], port_variable: str, replace: str = "") -> list[int]:
    """Exit codes of a health check: while not ready, when ready, and once nothing answers."""
    health = Health()
    probes = Probes(Settings(_env_file=None, metrics_port=0), WorkerMetrics(), health)
    probes.start()
    port = str(probes.port)
    words = [word.replace(replace, port) if replace else word for word in command]

    def verdict() -> int:
        environment = {port_variable: port, "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run([sys.executable, *words[1:]], env=environment, capture_output=True, timeout=20).returncode

    verdicts = [verdict()]
    health.ready = True
    verdicts.append(verdict())
    probes.stop()
    return [*verdicts, verdict()]


def test_the_image_tells_a_ready_worker_from_the_others() -> None:
    assert HEALTH is not None
    command = json.loads(HEALTH[1])
    assert command[0] == "python"
    assert health_verdicts(command, "TOUCHLINE_METRICS_PORT") == [1, 0, 1]


def test_compose_tells_a_ready_collector_from_the_others() -> None:
    kind, *command = SERVICES["serve"]["healthcheck"]["test"]
    assert (kind, command[0]) == ("CMD", "python")
    assert health_verdicts(command, "UNUSED", replace="26080") == [1, 0, 1]
