"""The report: a table for people, JSON for scripts, each figure also as a ratio to ours."""

import json
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.measure import Result

FIGURES: tuple[tuple[str, str, str, bool], ...] = (
    ("events_per_second", "events/s", ",.0f", True),
    ("events_per_cpu_second", "events per CPU-second", ",.0f", True),
    ("broker_bytes_per_event", "broker bytes written per event", ",.0f", False),
    ("peak_megabytes", "peak memory, MB", ",.0f", False),
    ("p50_ms", "publish to trigger, p50 ms", ",.0f", False),
    ("p99_ms", "publish to trigger, p99 ms", ",.0f", False),
    ("p999_ms", "publish to trigger, p99.9 ms", ",.0f", False),
    ("restore_rows_per_second", "rows restored/s, empty disk", ",.0f", True),
    ("restart_seconds", "restart on an empty disk, s", ",.1f", False),
)
"""(field of `Result`, its title, its format, whether more is better)."""


def show(results: list[Result], console: Console) -> None:
    """Print the table: a row a figure, a column a program."""
    table = Table(title="The same job on the same file; in brackets: times ours")
    table.add_column("")
    for result in results:
        table.add_column(f"{result.name}\n{result.promise}", justify="right")
    ours = results[0] if results and results[0].name == "ours" else None
    for field, title, form, _ in FIGURES:
        table.add_row(title, *(_cell(result, ours, field, form) for result in results))
    table.add_row("events of the file", *(f"{result.events:,}" for result in results))
    table.add_row("triggers as recounted", *(_verdict(result) for result in results))
    console.print(table)
    for result in results:
        for line in result.failed:
            console.print(f"{result.name}: {line}", markup=False)


def write(results: list[Result], path: Path, **about: Any) -> None:
    """Write everything that is known, and each figure's ratio to ours (theirs / ours)."""
    ours = results[0] if results and results[0].name == "ours" else None
    machine = {"python": platform.python_version(), "system": platform.platform()}
    programs = [result.as_json() | {"ratio_to_ours": _ratios(result, ours)} for result in results]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about | machine, "programs": programs}, indent=1) + "\n")


def _ratios(result: Result, ours: Result | None) -> dict[str, float]:
    found = {field: _ratio(result, ours, field) for field, *_ in FIGURES}
    return {field: round(ratio, 4) for field, ratio in found.items() if ratio is not None}


def _ratio(result: Result, ours: Result | None, field: str) -> float | None:
    theirs, own = getattr(result, field), getattr(ours, field, None)
    return theirs / own if theirs is not None and own else None


def _cell(result: Result, ours: Result | None, field: str, form: str) -> str:
    value = getattr(result, field)
    if value is None:
        return "-"
    ratio = None if result is ours else _ratio(result, ours, field)
    return format(value, form) + (f" ({ratio:.2g})" if ratio is not None else "")


def _verdict(result: Result) -> str:
    if not result.triggers:
        return "-"
    if result.exact:
        return f"{result.triggers:,}, all"
    return f"{result.missing} missing, {result.unexpected} wrong, {result.doubled} doubled"
