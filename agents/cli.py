"""The command `touchline`: the front door.  Each command reads the settings, calls one room, and says how it went.

Exit codes: 0 well; 1 not well (something is missing, away, or differs); 2 wrong usage or settings.
Heavy imports are inside the commands: `touchline --help` must not wait for Faust.
"""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.settings import Settings
    from streams.personas.persona import Classifier

UNITS = "settings come from TOUCHLINE_* variables or .env"

app = typer.Typer(
    help=f"Live, exact answers about every user: what brought them, how much they did, whom to ask. ({UNITS})",
    epilog="Start here: `touchline demo`. Something is wrong: `touchline doctor`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stack_app = typer.Typer(help="The local Kafka and Redis of this folder.", no_args_is_help=True)
topics_app = typer.Typer(help="The topics at the broker.", no_args_is_help=True)
rules_app = typer.Typer(help="The rules file.", no_args_is_help=True)
identity_app = typer.Typer(help="Who is one person.", no_args_is_help=True)
views_app = typer.Typer(help="The read model in Redis.", no_args_is_help=True)
personas_app = typer.Typer(help="Who people are at work, by their titles.", no_args_is_help=True)
enrich_app = typer.Typer(help="What is known of companies, by their domains.", no_args_is_help=True)
salesforce_app = typer.Typer(help="The Salesforce org: its records come to salesforce-changes.", no_args_is_help=True)
app.add_typer(stack_app, name="stack")
app.add_typer(topics_app, name="topics")
app.add_typer(rules_app, name="rules")
app.add_typer(views_app, name="views")
app.add_typer(identity_app, name="identity")
app.add_typer(personas_app, name="personas")
app.add_typer(enrich_app, name="enrich")
app.add_typer(salesforce_app, name="salesforce")

KafkaVersion = Annotated[str, typer.Option(help="Another Kafka than the pom's, such as 3.9.1.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Speed(StrEnum):
    """How fast a replay goes."""

    max = "max"
    real = "1x"
    minute_a_second = "60x"


class ReplayClock(StrEnum):
    """Whose time a replay has."""

    wall = "wall"
    file = "file"


def main() -> None:
    """Run the command line; an expected error is one line on stderr, not a traceback."""
    try:
        app()
    except Exception as error:
        code = _expected(error)
        if code is None:
            raise
        for line in str(error).splitlines():
            _complain(line)
        sys.exit(code)


def _expected(error: Exception) -> int | None:
    """Exit code for an error that has its next step in its text; None: it is ours to mend."""
    from agents.admin import AdminError
    from agents.local.processes import LocalError
    from agents.personas_file import MapsFileError
    from agents.settings import SettingsError
    from agents.tables import TableError
    from streams.policy import PolicyError

    if isinstance(error, SettingsError | PolicyError | MapsFileError | TableError):
        return 2
    return 1 if isinstance(error, AdminError | LocalError) else None


def _settings(*, quiet: bool = True) -> "Settings":
    from agents import logs, settings

    logs.configure(quiet=quiet)
    return settings.load()


@stack_app.command("up", epilog="Example: touchline stack up && touchline topics create")
def stack_up(kafka_version: KafkaVersion = "") -> None:
    """Start Kafka and Redis on loopback and wait until they answer; the first time it downloads them."""
    from agents.local.stack import Stack

    settings = _settings()
    stack = Stack(settings, kafka_version=kafka_version)
    stack.up(_progress)
    print(f"Kafka  {stack.bootstrap}\nRedis  {stack.redis_url}")
    if settings.kafka_bootstrap != stack.bootstrap:
        print(f"Note: TOUCHLINE_KAFKA_BOOTSTRAP is {settings.kafka_bootstrap}: the other commands go there.")


@stack_app.command("fetch", epilog="Example: touchline stack fetch")
def stack_fetch(kafka_version: KafkaVersion = "") -> None:
    """Download Kafka and Redis, if they are not there yet, and start nothing."""
    from agents.local.stack import Stack

    Stack(_settings(), kafka_version=kafka_version).fetch(_progress)


@stack_app.command("down", epilog="Example: touchline stack down")
def stack_down() -> None:
    """Stop both.  Kafka's data stay in the data folder; Redis's can be rebuilt from them."""
    from agents.local.stack import Stack

    stopped = Stack(_settings()).down(_progress)
    print("Stopped." if stopped else "Nothing was running.")


@stack_app.command("status", epilog="Example: touchline stack status --json")
def stack_status(as_json: AsJson = False) -> None:
    """Show both; exit 0 when both run and answer, else 1."""
    from agents.local.stack import Stack

    services = Stack(_settings()).status()
    if as_json:
        _print_json([_service(service) for service in services])
    else:
        rows = [
            (service.name, _state(service), str(service.pid or "-"), service.address, str(service.log))
            for service in services
        ]
        _print_table(("service", "state", "pid", "address", "log"), rows)
    raise typer.Exit(0 if all(service.ready for service in services) else 1)


@topics_app.command("create", epilog="Example: TOUCHLINE_PARTITIONS=16 touchline topics create")
def topics_create() -> None:
    """Create the topics that are missing; existing ones stay as they are."""
    import asyncio

    from agents import admin

    settings = _settings()
    created = asyncio.run(admin.create_topics(settings))
    for name in created:
        print(f"created {name} ({settings.partitions} partitions)")
    if not created:
        print("All topics were there.")


@topics_app.command("check", epilog="Example: touchline topics check --json")
def topics_check(as_json: AsJson = False) -> None:
    """Compare the broker's topics with what Touchline needs; exit 1 if anything differs."""
    import asyncio

    from agents import admin

    problems = asyncio.run(admin.check_topics(_settings()))
    if as_json:
        _print_json({"problems": problems})
    else:
        print("\n".join(problems) or "All topics are there and fit.")
    raise typer.Exit(1 if problems else 0)


@app.command(epilog="Example: TOUCHLINE_METRICS_PORT=0 touchline worker")
def worker() -> None:
    """Run one worker: read web events, keep profiles, send triggers.  Start as many as you like."""
    settings = _settings(quiet=False)
    from agents.app import run_worker

    raise typer.Exit(run_worker(settings))


@app.command(epilog="Example: TOUCHLINE_WRITE_KEYS=my-key touchline serve")
def serve() -> None:
    """Run the collector: Segment's HTTP API, which writes to web-events."""
    settings = _settings(quiet=False)
    from agents.sources.collector import serve as serve_collector

    raise typer.Exit(serve_collector(settings))


@app.command(epilog="Example: touchline demo --once --days 30")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Go live for a while only, verify, and end.")] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of history to play.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 7,
) -> None:
    """Play a simulated company through the whole of Touchline on this machine, and show what happens."""
    settings = _settings()
    import agents.local.demo as demo_room

    raise typer.Exit(demo_room.run(settings, once=once, days=days, seed=seed))


@app.command(epilog="Example: zcat events.gz | touchline replay - --clock file")
def replay(
    files: Annotated[list[str], typer.Argument(help="NDJSON of Segment events, .gz too; - is stdin.")],
    speed: Annotated[Speed, typer.Option(help="max, or the file's own pace times one or sixty.")] = Speed.max,
    clock: Annotated[ReplayClock, typer.Option(help="file: the file's time (needs TOUCHLINE_CLOCK=log).")] = (
        ReplayClock.wall
    ),
) -> None:
    """Publish files of Segment events to web-events."""
    settings = _settings()
    from agents.sources import replay as replay_room

    raise typer.Exit(replay_room.run(settings, files, speed=speed.value, clock_file=clock is ReplayClock.file))


@app.command(epilog="Example: touchline triggers --json --no-follow | jq .ask")
def triggers(
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or stop at the end.")] = True,
) -> None:
    """Show the triggers: whom to ask what, and why."""
    settings = _settings()
    from agents.query import triggers as triggers_room

    raise typer.Exit(triggers_room.run(settings, as_json=as_json, follow=follow))


@app.command(epilog="Example: touchline explain user:u1")
def explain(
    person: Annotated[str, typer.Argument(help="user:u1, u1, ann@example.com, or anon:a1.")],
    as_json: AsJson = False,
) -> None:
    """Say what is known of one person, and why they are in a segment or not, asked or not."""
    settings = _settings()
    from agents.query import explain as explain_room

    raise typer.Exit(explain_room.run(settings, person, as_json=as_json))


@app.command(epilog="Example: touchline verify --json")
def verify(as_json: AsJson = False) -> None:
    """Recompute everything from the topics by separate code and compare; exit 1 on any difference."""
    settings = _settings()
    from agents import verify as verify_room

    raise typer.Exit(verify_room.run(settings, as_json=as_json))


@rules_app.command("check", epilog="Example: touchline rules check rules.toml")
def rules_check(file: Annotated[Path, typer.Argument(help="The rules file to read.")]) -> None:
    """Read a rules file and say back what it means, or what is wrong with it (exit 2)."""
    from agents import rules_file

    print("\n".join(rules_file.summary(rules_file.load(file))))


Alias = Annotated[str, typer.Argument(help="An alias as `touchline explain` lists it: anon:a1, email:ann@example.com.")]


@identity_app.command("split", epilog="Example: touchline identity split anon:a1")
def identity_split(alias: Alias) -> None:
    """Undo all links of an alias, past and to come: what it did no longer counts for the person it was said to be."""
    settings = _settings()
    from agents.sources import commands

    raise typer.Exit(commands.run(settings, "split", alias))


@identity_app.command("join", epilog="Example: touchline identity join anon:a1")
def identity_join(alias: Alias) -> None:
    """Take a split back: the links of the alias hold again."""
    settings = _settings()
    from agents.sources import commands

    raise typer.Exit(commands.run(settings, "join", alias))


@personas_app.command("coverage", epilog="Example: touchline personas coverage titles.csv --top 50")
def personas_coverage(
    file: Annotated[str, typer.Argument(help="CSV with a column title (and count), or a title a line; - is stdin.")],
    as_json: AsJson = False,
    top: Annotated[int, typer.Option(min=0, max=100_000, help="How many unknown titles to show.")] = 20,
) -> None:
    """Say what share of people the maps know by their titles, and the most frequent titles that they do not."""
    from agents.personas import report, titles
    from streams.personas.coverage import coverage

    personas = _personas()
    read = titles.read(file)
    found = coverage(read.people, personas, top)
    if as_json:
        _print_json(report.coverage_document(found) | {"problems": read.problems})
        return
    print(report.headline(found))
    for name, people in (("role", found.roles), ("seniority", found.seniorities)):
        print()
        _print_table((name, "people", "share"), report.people_rows(people, found.people))
    if found.gaps:
        print()
        _print_table(("not understood", "people", "role", "seniority"), report.gap_rows(found))
    for problem in read.problems:
        _complain(problem)


@personas_app.command("show", epilog='Example: touchline personas show "VP Product & Design" CTO')
def personas_show(
    titles: Annotated[list[str], typer.Argument(help="Titles, each in quotes.")],
    as_json: AsJson = False,
) -> None:
    """Show the role and the seniority of titles, and which phrase of the maps says so."""
    from agents.personas import report

    personas = _personas()
    if as_json:
        _print_json(report.title_documents(titles, personas))
    else:
        _print_table(("title", "role", "seniority"), report.title_rows(titles, personas))


def _personas() -> "Classifier":
    from agents import personas_file
    from streams.personas.persona import classifier

    return classifier(personas_file.load(_settings().personas))


@enrich_app.command("check", epilog="Example: touchline enrich check companies.csv --json")
def enrich_check(
    file: Annotated[str, typer.Argument(help="CSV: domain,name,industry,employees,country; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Read a file of companies and name the lines that are left out; exit 1 if there are any."""
    from agents.sources.enrichment import CsvCompanies

    companies = CsvCompanies.read(file)
    number = len(list(companies.all()))
    if as_json:
        _print_json({"companies": number, "problems": companies.problems})
    else:
        print("\n".join([*companies.problems, f"{number:,} companies."]))
    raise typer.Exit(1 if companies.problems else 0)


@views_app.command("rebuild", epilog="Example: touchline views rebuild")
def views_rebuild() -> None:
    """Empty the read model in Redis and fill it again from profile-views."""
    settings = _settings()
    from agents.sinks.redis import rebuild

    raise typer.Exit(rebuild(settings))


@salesforce_app.command("sync", epilog="Example: TOUCHLINE_SALESFORCE_POLL_SECONDS=30 touchline salesforce sync")
def salesforce_sync(
    once: Annotated[bool, typer.Option("--once", help="One round: what is missing, what changed; then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report progress as JSON lines.")] = False,
) -> None:
    """Read every record once, then what changes; fetch again what is asked for; write back, if set.  Run one of it."""
    settings = _settings()
    from agents.sources.salesforce.command import run_sync

    raise typer.Exit(run_sync(settings, once=once, as_json=as_json))


@salesforce_app.command("reconcile", epilog="Example: touchline salesforce reconcile --json | jq '.[].drift'")
def salesforce_reconcile(as_json: AsJson = False) -> None:
    """Compare what we know with every record of the org now, publish what differs, and print how much that was."""
    settings = _settings()
    from agents.sources.salesforce.command import run_reconcile

    raise typer.Exit(run_reconcile(settings, as_json=as_json))


@salesforce_app.command("check", epilog="Example: touchline salesforce check --json")
def salesforce_check(as_json: AsJson = False) -> None:
    """Sign in, and show the calls left and the records of each object; exit 1 with the next step if that fails."""
    settings = _settings()
    from agents.sources.salesforce.command import run_check

    raise typer.Exit(run_check(settings, as_json=as_json))


@app.command(epilog="Example: touchline doctor --json")
def doctor(as_json: AsJson = False) -> None:
    """Check everything that a worker needs; exit 1 if something is wrong, with what to do about it."""
    import asyncio

    from agents.doctor import examine

    checks = asyncio.run(examine(_settings()))
    well = all(check.ok for check in checks)
    if as_json:
        _print_json({"ok": well, "checks": [check.as_dict() for check in checks]})
    else:
        rows = [
            (
                check.name,
                "ok" if check.ok else "WRONG",
                " -> ".join(part for part in (check.detail, check.advice) if part),
            )
            for check in checks
        ]
        _print_table(("check", "", "found"), rows)
    raise typer.Exit(0 if well else 1)


@app.command(epilog="Example: touchline settings --markdown")
def settings(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of the documentation.")] = False,
) -> None:
    """Show every setting: its value in force, secrets masked, and what it means."""
    from agents import settings_table
    from agents.settings import Settings

    if markdown:
        print(settings_table.markdown(Settings))
        return
    values = settings_table.in_force(_settings())
    if as_json:
        _print_json(values)
        return
    rows = [
        (settings_table.variable(name), _shown(value), Settings.model_fields[name].description or "")
        for name, value in values.items()
    ]
    _print_table(("setting", "value", "meaning"), rows)


def _service(service: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(service) | {"log": str(service.log)}


def _state(service: Any) -> str:
    if service.pid is None:
        return "down"
    return "ready" if service.ready else "silent"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    return "-" if value in (None, "") else str(value)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _complain(line: str) -> None:
    print(f"touchline: {line}", file=sys.stderr)


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2))


def _print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table that fits 80 columns, or the terminal if that is narrower."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*row)
    console.print(table, width=min(console.width, 80))


if __name__ == "__main__":
    main()
