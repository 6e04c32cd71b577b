"""The command line: its exit codes, its one-line errors, and what `--help` promises."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from agents import cli

CHECKOUT = Path(__file__).parents[2]
COMMANDS = (
    "stack up",
    "stack fetch",
    "stack down",
    "stack status",
    "topics create",
    "topics check",
    "worker",
    "serve",
    "demo",
    "replay",
    "triggers",
    "explain",
    "verify",
    "rules check",
    "forget",
    "identity split",
    "identity join",
    "views rebuild",
    "personas coverage",
    "personas show",
    "enrich check",
    "enrich load",
    "report attribution",
    "report personas",
    "salesforce sync",
    "salesforce reconcile",
    "salesforce check",
    "doctor",
    "settings",
)


def run(*arguments: str, cwd: Path = CHECKOUT, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "agents.cli", *arguments],
        cwd=cwd,
        env=kept | {"COLUMNS": "80"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def all_commands() -> dict[str, "typer.models.CommandFunctionType"]:
    root = typer.main.get_command(cli.app)
    found = {}
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}": each for sub, each in inner.items()} if inner else {name: command}
    return found


def test_these_are_the_commands() -> None:
    assert set(all_commands()) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_an_example(name) -> None:
    command = all_commands()[name]
    assert command.help
    assert command.epilog.startswith("Example: ")
    assert f"touchline {name}" in command.epilog


@pytest.mark.parametrize("name", COMMANDS)
def test_each_example_is_accepted_by_the_parser(name) -> None:
    command = all_commands()[name]
    words = command.epilog.split(f"touchline {name}", 1)[1]
    arguments = re.split(r"[|&]", words)[0].split()
    with command.make_context(name, arguments) as context:
        assert context.info_name == name


def test_help_is_there_fast_because_it_imports_nothing_heavy() -> None:
    assert run("--help").returncode == 0
    heavy = "import sys, agents.cli; print({'faust', 'aiokafka', 'duckdb', 'pydantic', 'redis'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", heavy], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    assert loaded.stdout == "set()\n"


def test_all_wrong_settings_are_named_at_once_and_the_exit_code_is_2() -> None:
    done = run("settings", TOUCHLINE_PARTITIONS="none", TOUCHLINE_CLOCK="sundial")
    assert done.returncode == 2
    assert re.findall(r"TOUCHLINE_\w+", done.stderr) == ["TOUCHLINE_CLOCK", "TOUCHLINE_PARTITIONS"]
    assert "Traceback" not in done.stderr


def test_settings_as_json_show_the_values_in_force_and_mask_secrets() -> None:
    done = run("settings", "--json", TOUCHLINE_WRITE_KEYS="k1,k2", TOUCHLINE_REDIS_URL="redis://me:pass@h:1/2")
    values = json.loads(done.stdout)
    assert values["write_keys"] == ["***", "***"]
    assert values["redis_url"] == "redis://***@h:1/2"
    assert values["partitions"] == 8


def test_tables_fit_80_columns() -> None:
    lines = run("settings").stdout.splitlines()
    assert len(lines) > 20
    assert max(map(len, lines)) <= 80


def test_the_rules_of_the_checkout_are_said_in_words() -> None:
    done = run("rules", "check", "rules.toml")
    assert done.returncode == 0
    assert 'at least 21 events "Report Viewed" within 30d' in done.stdout
    assert "A sign-up is 'Signed Up'. Touches of 30d before it count" in done.stdout
    assert "ARR is ARR__c of the opportunity, else its Amount over Contract_Term__c months a year" in done.stdout


def test_rules_that_say_nothing_of_salesforce_are_said_so(tmp_path) -> None:
    (tmp_path / "rules.toml").write_text("version = 1")
    done = run("rules", "check", str(tmp_path / "rules.toml"))
    assert "ARR is its Amount a year, in USD where Salesforce says no currency. NPS: no field." in done.stdout


def test_a_field_of_salesforce_that_cannot_be_one_is_refused(tmp_path) -> None:
    (tmp_path / "rules.toml").write_text('version = 1\n[accounts]\narr = "ARR; DROP"\ncurrency = "usd"\nterm = "x"\n')
    done = run("rules", "check", str(tmp_path / "rules.toml"))
    assert done.returncode == 2
    assert [line.split(": ")[2] for line in done.stderr.splitlines()] == [
        "accounts.arr",
        "accounts.currency",
        "accounts.term",
    ]


def test_wrong_rules_list_every_problem_with_the_file_and_exit_2(tmp_path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('version = 0\n[[asks]]\nname = "x"\n')
    done = run("rules", "check", str(file))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) > 2
    assert all(line.startswith(f"touchline: {file}: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize("content", [None, b"\xff", b"x" * (1 << 21)])
def test_a_rules_file_that_cannot_be_read_is_one_line(tmp_path, content) -> None:
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_bytes(content)
    done = run("rules", "check", str(file))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_stack_that_was_never_started_is_down_and_stopping_it_is_harmless(tmp_path) -> None:
    environment = {"TOUCHLINE_DATA_DIR": str(tmp_path)}
    status = run("stack", "status", **environment)
    assert status.returncode == 1
    assert "down" in status.stdout
    assert run("stack", "down", **environment).stdout == "Nothing was running.\n"


def test_missing_java_is_said_with_the_package_to_install(tmp_path) -> None:
    done = run("stack", "up", TOUCHLINE_DATA_DIR=str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "`java` is not on the PATH. Install it: `apt-get install openjdk-17-jre-headless`" in done.stderr


def test_logs_are_json_lines_when_nobody_looks() -> None:
    code = (
        "import logging, structlog; from agents import logs; logs.configure();"
        "structlog.get_logger('x').info('said', n=1); logging.getLogger('aiokafka').info('hidden');"
        "logging.getLogger('aiokafka').warning('shown %s', 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("said", "info"), ("shown 2", "warning")]
    assert lines[0]["n"] == 1


def test_a_split_of_what_is_no_alias_says_what_one_looks_like() -> None:
    done = run("identity", "split", "ann@example.com")
    assert done.returncode == 1
    assert "a colon, and the identifier" in done.stderr
    assert "touchline explain" in done.stderr


def test_nobody_is_forgotten_without_being_sure() -> None:
    done = run("forget", "user:u1")
    assert done.returncode == 1
    assert "for good?" in done.stdout
    assert "Aborted" in done.stderr


def test_coverage_says_shares_people_by_role_and_what_is_not_understood(tmp_path) -> None:
    file = tmp_path / "titles.csv"
    file.write_text("title,count\nCTO,3\nWizard,1\nCEO,many\n")
    done = run("personas", "coverage", str(file))
    assert done.returncode == 0
    assert "4 people. Role known: 75.0%. Seniority known: 75.0%." in done.stdout
    assert re.search(r"^engineering +3 +75\.0%", done.stdout, re.MULTILINE)
    assert re.search(r"^Wizard +1 ", done.stdout, re.MULTILINE)
    assert f"{file}:4: count" in done.stderr


def test_coverage_as_json_and_by_a_map_file_of_ones_own(tmp_path) -> None:
    maps = (CHECKOUT / "agents/personas/default.toml").read_text()
    maps = maps.replace("version = 1", "version = 2").replace('"product owner",', '"product owner", "wizard",', 1)
    (tmp_path / "maps.toml").write_text(maps)
    (tmp_path / "titles.txt").write_text("Wizard\n")
    done = run(
        "personas", "coverage", str(tmp_path / "titles.txt"), "--json", TOUCHLINE_PERSONAS=f"{tmp_path}/maps.toml"
    )
    found = json.loads(done.stdout)
    assert (found["map_version"], found["roles"], found["role_share"]) == (2, {"product": 1}, 1.0)


def test_a_title_is_shown_with_the_phrase_that_decides() -> None:
    (found,) = json.loads(run("personas", "show", "--json", "VP Product & Design").stdout)
    assert found["role"] == {"says": "product", "phrase": "product"}
    assert "vp <- vice president" in run("personas", "show", "VP Product & Design").stdout


def test_a_wrong_map_file_is_told_with_lines_and_exit_2(tmp_path) -> None:
    file = tmp_path / "maps.toml"
    file.write_text("version = 0\nextra = 1\n")
    done = run("personas", "show", "CTO", TOUCHLINE_PERSONAS=str(file))
    assert done.returncode == 2
    assert f"touchline: {file}:1: version: " in done.stderr
    assert f"touchline: {file}:2: extra: " in done.stderr


def test_companies_are_checked_and_exit_1_says_that_lines_are_left_out(tmp_path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("domain,employees\nexample.com,5\ngmail.com,5\n")
    done = run("enrich", "check", str(file))
    assert done.returncode == 1
    assert f"{file}:3: domain: " in done.stdout
    assert done.stdout.endswith("1 companies.\n")
    file.write_text("name\nx\n")
    assert run("enrich", "check", str(file)).returncode == 2
    assert run("enrich", "check", str(CHECKOUT / "agents/sources/enrichment/companies.csv"), "--json").returncode == 0
