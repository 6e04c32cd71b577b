"""What commands share: their options, the settings, and how they print."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.settings import Settings

KafkaVersion = Annotated[str, typer.Option(help="Another Kafka than the pom's, such as 3.9.1.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def load_settings(*, quiet: bool = True) -> "Settings":
    """Read the settings and set logging up; `quiet`: warnings only."""
    from agents import logs, settings

    logs.configure(quiet=quiet)
    return settings.load()


def progress(line: str) -> None:
    """Say on stderr what is being done."""
    print(line, file=sys.stderr, flush=True)


def complain(line: str) -> None:
    """Say on stderr what is wrong."""
    print(f"touchline: {line}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value for scripts."""
    print(json.dumps(value, indent=2))


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
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
