"""`touchline salesforce`: the org, read and compared."""

from typing import Annotated

import typer

from agents.commands.shared import AsJson, load_settings

salesforce_app = typer.Typer(help="The Salesforce org: its records come to salesforce-changes.", no_args_is_help=True)


@salesforce_app.command("sync", epilog="Example: TOUCHLINE_SALESFORCE_POLL_SECONDS=30 touchline salesforce sync")
def salesforce_sync(
    once: Annotated[bool, typer.Option("--once", help="One round: what is missing, what changed; then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report progress as JSON lines.")] = False,
) -> None:
    """Read every record once, then what changes; fetch again what is asked for; write back, if set.  Run one of it."""
    settings = load_settings()
    from agents.sources.salesforce.command import run_sync

    raise typer.Exit(run_sync(settings, once=once, as_json=as_json))


@salesforce_app.command(
    "reconcile", epilog="Example: touchline salesforce reconcile --json | jq '.[] | [.object, .compared, .drift]'"
)
def salesforce_reconcile(as_json: AsJson = False) -> None:
    """Compare what we know with every record of the org now, publish what differs, say what was left out and why."""
    settings = load_settings()
    from agents.sources.salesforce.command import run_reconcile

    raise typer.Exit(run_reconcile(settings, as_json=as_json))


@salesforce_app.command("check", epilog="Example: touchline salesforce check --json")
def salesforce_check(as_json: AsJson = False) -> None:
    """Sign in, and show the calls left and the records of each object; exit 1 with the next step if that fails."""
    settings = load_settings()
    from agents.sources.salesforce.command import run_check

    raise typer.Exit(run_check(settings, as_json=as_json))
