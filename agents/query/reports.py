"""`touchline report`: what brought sessions, sign-ups, opportunities and ARR; who the people are.  From live totals."""

import sys

from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from agents.query import live, report_text
from agents.query.refusal import refuse
from agents.query.report_text import Shown
from agents.settings import Settings
from streams.attribution import Contribution, Dimension, Model, cut, report

WIDTH = 80
ROWS_OF_A_TABLE = 20
ACCOUNTS_ASKED = 50
"""How many accounts are asked for the currency; each that has a document knows it."""
USUAL_CURRENCY = "USD"


def run(settings: Settings, dimension: Dimension, model: Model | None, *, written: str, top: int | None) -> int:
    """Print a report as `table`, `csv` or `json`: its `top` largest rows, one of the others, and the total.

    None: 20 rows in a table, else all.  0, or 1 with a line on stderr: nothing there, or Redis away.
    """
    try:
        with live.opened(settings) as stored:
            shown = _shown(stored, dimension, model, _most(written, top))
    except (RedisError, OSError, ValueError) as error:
        return refuse(live.away(settings, error))
    except (live.UnwrittenError, live.SpoiltError) as error:
        return refuse(str(error))
    if shown is None:
        return refuse(
            "The read model has no contributions yet. Is `touchline worker` running?"
            " `touchline views rebuild` fills Redis from the topics."
        )
    if written in report_text.WRITTEN:
        sys.stdout.write(report_text.WRITTEN[written](shown).rstrip("\n") + "\n")
    else:
        show(shown, Console(highlight=False, markup=False, emoji=False, width=min(Console().width, WIDTH)))
    return 0


def show(shown: Shown, console: Console) -> None:
    """Print the table, at most as wide as the console; numbers are never broken."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    first, *figures = report_text.heads(shown)
    table.add_column(first, overflow="fold")
    for head in figures:
        table.add_column(head, justify="right", no_wrap=True)
    *rows, total = report_text.lines(shown)
    for row in rows:
        table.add_row(*row)
    table.add_row(*total, style="bold")
    console.print(report_text.title(shown), style="bold")
    console.print(table)


def _most(written: str, top: int | None) -> int:
    return top or (sys.maxsize if written in report_text.WRITTEN else ROWS_OF_A_TABLE)


def _shown(stored: live.ReadModel, dimension: Dimension, model: Model | None, most: int) -> Shown | None:
    cells = stored.totals({dimension, Dimension.account})
    if cells is None:
        return None
    made = cut(report(cells, dimension, model), most)
    names: dict[str, str] = {}
    if dimension is Dimension.account:
        documents = stored.accounts([row.value for row in made.rows])
        names = {account: found["name"] for account, found in documents.items() if found.get("name")}
    return Shown(made, dimension, model, _currency(stored, cells), names)


def _currency(stored: live.ReadModel, cells: Contribution) -> str:
    """Return the corporate currency as the accounts with most ARR know it."""
    accounts = report(cells, Dimension.account, None).rows
    largest = [row.value for row in accounts[:ACCOUNTS_ASKED]]
    known = stored.accounts(largest).values()
    return next((found["currency"] for found in known if found.get("currency")), USUAL_CURRENCY)
