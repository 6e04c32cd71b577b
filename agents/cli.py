"""The command `touchline`: the front door.  Each command reads the settings, calls one room, and says how it went.

Exit codes: 0 well; 1 not well (something is missing, away, or differs); 2 wrong usage or settings.
Heavy imports are inside the commands: `touchline --help` must not wait for Faust.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.commands import people, reports, salesforce, stack
from agents.commands.shared import AsJson, complain, load_settings, print_json, print_table

UNITS = "settings come from TOUCHLINE_* variables or .env"

app = typer.Typer(
    help=f"Live, exact answers about every user: what brought them, how much they did, whom to ask. ({UNITS})",
    epilog="Start here: `touchline demo`. Something is wrong: `touchline doctor`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rules_app = typer.Typer(help="The rules file.", no_args_is_help=True)
views_app = typer.Typer(help="The read model in Redis.", no_args_is_help=True)
app.add_typer(stack.stack_app, name="stack")
app.add_typer(stack.topics_app, name="topics")
app.add_typer(rules_app, name="rules")
app.add_typer(views_app, name="views")
app.add_typer(people.identity_app, name="identity")
app.add_typer(people.personas_app, name="personas")
app.add_typer(reports.report_app, name="report")
app.add_typer(people.enrich_app, name="enrich")
app.add_typer(salesforce.salesforce_app, name="salesforce")


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
            complain(line)
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


@app.command(epilog="Example: TOUCHLINE_METRICS_PORT=0 touchline worker")
def worker() -> None:
    """Run one worker: read web events, keep profiles, send triggers.  Start as many as you like."""
    settings = load_settings(quiet=False)
    from agents.app import run_worker

    raise typer.Exit(run_worker(settings))


@app.command(epilog="Example: TOUCHLINE_WRITE_KEYS=my-key touchline serve")
def serve() -> None:
    """Run the collector: Segment's HTTP API, which writes to web-events."""
    settings = load_settings(quiet=False)
    from agents.sources.collector import serve as serve_collector

    raise typer.Exit(serve_collector(settings))


@app.command(epilog="Example: touchline demo --once --days 30")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Go live for a while only, verify, and end.")] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of history to play.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 7,
) -> None:
    """Play a simulated company through the whole of Touchline on this machine, and show what happens."""
    settings = load_settings()
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
    settings = load_settings()
    from agents.sources import replay as replay_room

    from_file = clock is ReplayClock.file
    raise typer.Exit(replay_room.run(settings, files, speed=speed.value, clock_file=from_file))


@app.command(epilog="Example: touchline triggers --json --no-follow | jq .ask")
def triggers(
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or stop at the end.")] = True,
) -> None:
    """Show the triggers: whom to ask what, and why."""
    settings = load_settings()
    from agents.query import triggers as triggers_room

    raise typer.Exit(triggers_room.run(settings, as_json=as_json, follow=follow))


@app.command(epilog="Example: touchline explain user:u1")
def explain(
    person: Annotated[str, typer.Argument(help="user:u1, u1, ann@example.com, or anon:a1.")],
    as_json: AsJson = False,
) -> None:
    """Say what is known of one person, and why they are in a segment or not, asked or not."""
    settings = load_settings()
    from agents.query import explain as explain_room

    raise typer.Exit(explain_room.run(settings, person, as_json=as_json))


@app.command(epilog="Example: touchline forget email:ann@example.com --yes")
def forget(
    person: people.Alias,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
) -> None:
    """Erase what is kept of a person, by any of their aliases, and take nothing in of them any more.  For good."""
    settings = load_settings()
    from agents.sources import commands

    if not yes:
        typer.confirm(f"Forget {person} and all aliases of the same person, for good?", abort=True)
    raise typer.Exit(commands.run(settings, "forget", person))


@app.command(epilog="Example: touchline verify --json")
def verify(as_json: AsJson = False) -> None:
    """Recompute everything from the topics by separate code and compare; exit 1 on any difference."""
    settings = load_settings()
    from agents import verify as verify_room

    raise typer.Exit(verify_room.run(settings, as_json=as_json))


@rules_app.command("check", epilog="Example: touchline rules check rules.toml")
def rules_check(file: Annotated[Path, typer.Argument(help="The rules file to read.")]) -> None:
    """Read a rules file and say back what it means, or what is wrong with it (exit 2)."""
    from agents import rules_file

    print("\n".join(rules_file.summary(rules_file.load(file))))


@views_app.command("rebuild", epilog="Example: touchline views rebuild")
def views_rebuild() -> None:
    """Make the read model in Redis equal to its topics, and mend the totals of reports."""
    settings = load_settings()
    from agents.sinks.redis import rebuild

    raise typer.Exit(rebuild(settings))


@app.command(epilog="Example: touchline doctor --json")
def doctor(as_json: AsJson = False) -> None:
    """Check everything that a worker needs; exit 1 if something is wrong, with what to do about it."""
    import asyncio

    from agents.doctor import examine

    checks = asyncio.run(examine(load_settings()))
    well = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": well, "checks": [check.as_dict() for check in checks]})
    else:
        rows = [
            (
                check.name,
                "ok" if check.ok else "WRONG",
                " -> ".join(part for part in (check.detail, check.advice) if part),
            )
            for check in checks
        ]
        print_table(("check", "", "found"), rows)
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
    values = settings_table.in_force(load_settings())
    if as_json:
        print_json(values)
        return
    rows = [
        (settings_table.variable(name), _shown(value), Settings.model_fields[name].description or "")
        for name, value in values.items()
    ]
    print_table(("setting", "value", "meaning"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    return "-" if value in (None, "") else str(value)


if __name__ == "__main__":
    main()
