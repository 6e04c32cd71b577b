"""The report: a table for people, JSON for scripts, and what so many runs prove."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.faults.run import Outcome

SURE = 0.95


@dataclass
class Line:
    """One fault on one Kafka."""

    fault: str
    kafka: str
    is_kill: bool
    wanted: int
    """Runs that had to be made."""
    outcomes: list[Outcome] = field(default_factory=list)
    problem: str = ""
    """Why runs are missing."""

    @property
    def well(self) -> bool:
        """Whether all runs were made, and were exact."""
        return len(self.outcomes) == self.wanted and all(outcome.exact for outcome in self.outcomes)

    def total(self, count: str) -> int:
        """Sum a count over the runs."""
        return sum(getattr(outcome, count) for outcome in self.outcomes)

    def recoveries(self) -> list[float]:
        """All recoveries, in seconds."""
        return [seconds for outcome in self.outcomes for seconds in outcome.recoveries]

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        runs = [outcome.as_json() for outcome in self.outcomes]
        return {"fault": self.fault, "kafka": self.kafka, "wanted": self.wanted, "problem": self.problem, "runs": runs}


def show(lines: Sequence[Line], console: Console) -> None:
    """Print the table, the bound, the recoveries from kills, and what was not exact."""
    table = Table(title="Whatever dies")
    table.add_column("fault")
    for column in ("Kafka", "runs", "lost", "doubled", "phantom", "wrong rows", "verify", "recovery s, p50 / max"):
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(line.fault, line.kafka, *_cells(line), style=None if line.well else "red")
    console.print(table)
    for sentence in sentences(lines):
        console.print(sentence, highlight=False, soft_wrap=True)
    for line in lines:
        for text in _problems(line):
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def sentences(lines: Sequence[Line]) -> list[str]:
    """Say what so many runs prove, and no more."""
    runs = sum(len(line.outcomes) for line in lines)
    failed = sum(not outcome.exact for line in lines for outcome in line.outcomes)
    deaths = sorted(seconds for line in lines if line.is_kill for seconds in line.recoveries())
    said = [f"{runs} runs, {failed} not exact."]
    if runs and not failed:
        said.append(f"With {SURE:.0%} confidence fewer than {_bound(runs):.2%} of such runs would not be exact.")
    if deaths:
        said.append(
            f"Recovery from {len(deaths)} kills: p50 {_percentile(deaths, 0.5):.1f} s, "
            f"p95 {_percentile(deaths, 0.95):.1f} s, longest {deaths[-1]:.1f} s."
        )
    return said


def write(lines: Sequence[Line], path: Path, **about: Any) -> None:
    """Write everything that is known."""
    machine = {"python": platform.python_version(), "system": platform.platform()}
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "about": about | machine,
        "sentences": sentences(lines),
        "faults": [line.as_json() for line in lines],
    }
    path.write_text(json.dumps(found, indent=1) + "\n")


def _bound(runs: int) -> float:
    """Upper limit of a share that was seen in none of so many runs: (1 - p)^runs = 1 - SURE."""
    return float(1 - (1 - SURE) ** (1 / runs))


def _cells(line: Line) -> list[str]:
    recoveries = sorted(line.recoveries())
    seconds = f"{_percentile(recoveries, 0.5):.1f} / {recoveries[-1]:.1f}" if recoveries else "-"
    counts = [f"{line.total(count):,}" for count in ("lost", "doubled", "phantom", "wrong_rows", "verify_differences")]
    missing = f" of {line.wanted}" if len(line.outcomes) < line.wanted else ""
    return [f"{len(line.outcomes)}{missing}", *counts, seconds]


def _problems(line: Line) -> list[str]:
    where = f"{line.fault} on {line.kafka}"
    found = [f"{where}: {line.problem}"] if line.problem else []
    for outcome in line.outcomes:
        if not outcome.exact:
            found += [
                f"{where}, run {outcome.number}: {text}" for text in [outcome.problem, *outcome.first[:5]] if text
            ]
    return found


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
