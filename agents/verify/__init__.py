"""Verify: an independent oracle.  It reads the topics, recomputes all from the pages alone, and compares.

Read in order: `world` (what stands in the topics), `read` (Kafka), `rules`, `load` (DuckDB), `log`, `partitioning`,
`mailboxes`, `ingest`, `ingest_checks`, `salesforce` (changes, records, what comes to people), `accounts` (members, ARR,
who hears of it, reports), `personas`, `people` (the fold that decides), `progress`, `accepted`, `standing`,
`everybody`, `forgetting`, `texts`, `outputs`, `withdrawals`, `documents`, `report`, `check`.
It shares no code with the core: that is its worth.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from rich.console import Console
from rich.status import Status

from agents.settings import Settings
from agents.verify.check import check as compare
from agents.verify.personas import maps
from agents.verify.read import CannotVerifyError, read_world
from agents.verify.report import Report
from agents.verify.rules import RulesError, load

__all__ = ["CLEAN", "DIFFERENT", "UNABLE", "run"]

CLEAN, DIFFERENT, UNABLE = 0, 1, 2
"""What `run` returns."""


def run(settings: Settings, *, as_json: bool = False, deadline_seconds: float = 60.0) -> int:
    """Verify what is in Kafka now; print a table, or JSON.

    0: clean.  1: differences.  2: could not run, and stderr says why.  Waits up to `deadline_seconds` for the worker
    to have consumed what the senders had published when verify began.
    """
    errors = Console(stderr=True)
    status = errors.status("verify") if errors.is_terminal else None
    try:
        report = _report(settings, deadline_seconds, _teller(status), status or nullcontext())
    except (CannotVerifyError, RulesError, maps.MapsError) as error:
        errors.print(f"verify: {error}", soft_wrap=True, highlight=False, markup=False)
        return UNABLE
    out = Console()
    if as_json:
        out.print(report.as_json(), soft_wrap=True, highlight=False, markup=False)
    else:
        report.show(out)
    return CLEAN if report.clean else DIFFERENT


def _report(
    settings: Settings, deadline_seconds: float, tell: Callable[[str], None], shown: AbstractContextManager[object]
) -> Report:
    began = time.monotonic()
    rules = replace(load(settings.rules), personas=maps.load(settings.personas))
    with shown:
        world = asyncio.run(read_world(settings, deadline_seconds=deadline_seconds, tell=tell))
        report = compare(world, rules, tell)
    report.seconds = time.monotonic() - began
    return report


def _teller(status: Status | None) -> Callable[[str], None]:
    return (lambda text: status.update(f"verify: {text}")) if status else lambda _: None
