"""`touchline report`: the tables for marketing, sales and customer success."""

from enum import StrEnum
from typing import Annotated

import typer

from agents.commands.shared import load_settings

report_app = typer.Typer(
    help="Reports from the live state: what brought people and money, and who they are.", no_args_is_help=True
)

# The core's own names are not imported here: `touchline --help` must be there fast.  A test compares them.
Touches = StrEnum("Touches", ["campaign", "channel", "ga4", "source", "referrer"])
People = StrEnum("People", ["persona", "role", "seniority", "industry", "size", "title", "account"])
Models = StrEnum("Models", ["first", "last", "last_non_direct", "linear", "position", "time_decay"])
Format = StrEnum("Format", ["table", "csv", "json"])

Written = Annotated[Format, typer.Option("--format", help="csv and json are exact and whole.")]
Top = Annotated[
    int | None, typer.Option(min=1, max=1_000_000, help="Rows to show, then one of the others; a table: 20, else all.")
]


@report_app.command(
    "attribution", epilog="Example: touchline report attribution --by channel --model linear --format csv"
)
def report_attribution(
    by: Annotated[Touches, typer.Option(help="The rows; channel has Touchline's names, ga4 GA4's.")] = Touches.campaign,
    model: Annotated[Models, typer.Option(help="Which touches get the credit.")] = Models.last_non_direct,
    written: Written = Format.table,
    top: Top = None,
) -> None:
    """Show what brought sessions, sign-ups, opportunities, won ones and their ARR."""
    settings = load_settings()
    from agents.query import reports
    from streams.attribution import Dimension, Model

    raise typer.Exit(reports.run(settings, Dimension(by), Model(model), written=written, top=top))


@report_app.command("personas", epilog="Example: touchline report personas --by role --top 10")
def report_personas(
    by: Annotated[People, typer.Option(help="The rows; persona is role / industry / size.")] = People.persona,
    written: Written = Format.table,
    top: Top = None,
) -> None:
    """Show who the people are, and what ARR is theirs."""
    settings = load_settings()
    from agents.query import reports
    from streams.attribution import Dimension

    raise typer.Exit(reports.run(settings, Dimension(by), None, written=written, top=top))
