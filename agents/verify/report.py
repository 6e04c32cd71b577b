"""Verify, room 7.  Report: what was compared, what differs, what could not be recomputed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN = 5
"""Differences of each check that are printed; JSON carries up to `KEPT`."""
KEPT = 50


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it has to be."""

    where: str
    """`<topic>/<partition>/<offset>`, or the coordinates of the record that should have made it."""
    who: str
    """Key of the person or alias; empty where there is none."""
    what: str
    """Expected and found."""


@dataclass(slots=True)
class Check:
    """One line of the report."""

    name: str
    compared: int = 0
    """Things recomputed and compared; zero means that there was nothing to prove it on."""
    differences: int = 0
    unchecked: int = 0
    """Things that cannot be recomputed from the topics and the rules file."""
    why_unchecked: str = ""
    first: list[Difference] = field(default_factory=list)
    """The first `KEPT` differences."""

    def differs(self, where: str, who: str | None, what: str) -> None:
        """Count a difference, keep it if it is among the first."""
        self.differences += 1
        if len(self.first) < KEPT:
            self.first.append(Difference(where, who or "", what))

    def differ_all(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Count rows of (where, who, what)."""
        for where, who, what in rows:
            self.differs(where, who, what)

    def skip(self, count: int, why: str) -> None:
        """Count things that cannot be recomputed."""
        if count:
            self.unchecked += count
            self.why_unchecked = "; ".join(dict.fromkeys([*filter(None, self.why_unchecked.split("; ")), why]))


@dataclass(slots=True)
class Report:
    """All checks of one run."""

    checks: list[Check]
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """No difference anywhere.  Unchecked things do not make a report unclean; it names them."""
        return not any(check.differences for check in self.checks)

    def named(self, name: str) -> Check:
        """Find the check of that name; raise StopIteration where there is none."""
        return next(check for check in self.checks if check.name == name)

    def as_json(self) -> str:
        """One JSON document."""
        checks = [
            {
                "check": one.name,
                "compared": one.compared,
                "differences": one.differences,
                "unchecked": one.unchecked,
                "why_unchecked": one.why_unchecked,
                "first": [{"where": d.where, "who": d.who, "what": d.what} for d in one.first],
            }
            for one in self.checks
        ]
        return json.dumps({"clean": self.clean, "seconds": round(self.seconds, 3), "checks": checks}, indent=2)

    def show(self, console: Console) -> None:
        """Print the table, then the first differences of each check."""
        console.print(self._table())
        for check in self.checks:
            for one in check.first[:SHOWN]:
                console.print(
                    f"[red]{check.name}[/]  {one.where}  {one.who}  {one.what}", soft_wrap=True, highlight=False
                )
            if check.unchecked:
                console.print(
                    f"[yellow]{check.name}[/]  {check.unchecked} unchecked: {check.why_unchecked}", highlight=False
                )
        verdict = "[green]clean[/]" if self.clean else "[red]differences[/]"
        console.print(f"verify: {verdict} in {self.seconds:.1f} s")

    def _table(self) -> Table:
        table = Table("check", title="touchline verify")
        for column in ("compared", "differences", "unchecked"):
            table.add_column(column, justify="right")
        for one in self.checks:
            colour = "red" if one.differences else "green"
            table.add_row(one.name, f"{one.compared:,}", f"[{colour}]{one.differences:,}[/]", f"{one.unchecked:,}")
        return table
