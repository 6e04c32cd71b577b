"""`make bench`: everything, one program after the other, on one broker.  `python -m tests.bench --help`."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic, time
from typing import TypeAlias

from aiokafka.errors import KafkaError
from rich.console import Console

from agents.local.processes import LocalError
from tests.bench import report
from tests.bench.broker import Broker
from tests.bench.events import write
from tests.bench.measure import Bench, Result, Say
from tests.bench.processes import ProgramError
from tests.bench.programs import CHECKOUT, SUBJECTS, Subject

PARTITIONS = 8
USUAL = ("ours", "ours-2-workers", "engine-alone", "kafka-streams", "kafka-streams-2t", "quix", "faust")
LOCAL = CHECKOUT / ".local"
Measure: TypeAlias = Callable[[Subject, Result], Awaitable[None]]


def main() -> int:
    """Run; 0: all of ours was measured, and each exactly-once program that was measured had the right triggers."""
    chosen = _arguments()
    console = Console(highlight=False, emoji=False, markup=False, width=None if sys.stdout.isatty() else 160)
    started = monotonic()

    def say(line: str) -> None:
        console.print(f"{monotonic() - started:6.1f} s  {line}", soft_wrap=True)

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics come and go; what matters raises
    folder = LOCAL / "bench"
    subjects = [subject for subject in SUBJECTS if subject.name in chosen.only]
    broker = Broker(folder / "stack", LOCAL, PARTITIONS)
    results: list[Result] = []
    try:
        for subject in subjects:
            subject(broker, folder).build(say)
        broker.up(say)
        asyncio.run(_all(chosen, subjects, broker, folder, say, results))
    except LocalError as error:
        say(str(error))
        return 1
    finally:
        broker.down()
    report.show(results, console)
    report.write(results, chosen.json, events=chosen.events, cores=os.cpu_count(), seconds=monotonic() - started)
    console.print(f"Everything in {chosen.json}", soft_wrap=True)
    return 0 if all(_well(result) for result in results) else 1


async def _all(
    chosen: argparse.Namespace,
    subjects: list[type[Subject]],
    broker: Broker,
    folder: Path,
    say: Say,
    results: list[Result],
) -> None:
    say(f"Writing {chosen.events:,} events ...")
    file = await asyncio.to_thread(write, folder, chosen.events, int(time() * 1000))
    say(f"The rule asks {len(file.asked)} people in them.")
    bench = Bench(broker, file, say, chosen.limit, chosen.rate, chosen.rate_seconds)
    deadline = monotonic() + 60 * chosen.minutes
    running = []
    for number, kind in enumerate(subjects):
        result = Result(kind.name, kind.promise)
        results.append(result)
        home = folder / "runs" / kind.name
        shutil.rmtree(home, ignore_errors=True)
        running.append((kind(broker, home, f"bench-{kind.name}-{number}"), result))
    for subject, result in running:
        await _measured(bench.whole_file, subject, result, deadline, say)
        if subject.job and result.events_per_second:
            await _measured(bench.restart, subject, result, deadline, say)
    for subject, result in running:
        if subject.job and result.events_per_second:
            await _measured(bench.steady, subject, result, deadline, say)


async def _measured(measure: Measure, subject: Subject, result: Result, deadline: float, say: Say) -> None:
    """Run one measurement; what goes wrong is noted, and the next one runs."""
    what = measure.__name__.replace("_", " ")
    if monotonic() > deadline:
        result.failed.append(f"{what}: no time left")
        return
    say(f"{subject.name}: {what} ...")
    try:
        await measure(subject, result)
    except (ProgramError, KafkaError, OSError, TimeoutError) as error:
        result.failed.append(f"{what}: {str(error) or type(error).__name__}")
    say(f"{subject.name}: {what}: {_short(result)}")


def _short(result: Result) -> str:
    rate = f"{result.events_per_second:,.0f} events/s" if result.events_per_second else "-"
    return f"{rate}; {len(result.failed)} failures; triggers {'exact' if result.exact else 'NOT exact'}"


def _well(result: Result) -> bool:
    if result.promise == Subject.exactly_once and not result.exact:
        return False
    return not (result.failed and result.name.startswith("ours"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the file")
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("--only", default=",".join(USUAL), help=f"programs, of {', '.join(names)}")
    parser.add_argument("--rate", type=int, default=2_000, help="events a second for the delays")
    parser.add_argument("--rate-seconds", type=int, default=25, help="how long at that rate")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds that one measurement may take")
    parser.add_argument("--minutes", type=float, default=18.0, help="after so long no measurement begins")
    parser.add_argument("--json", type=Path, default=LOCAL / "bench" / "bench.json", help="where the figures go")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    if unknown := set(chosen.only) - set(names):
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
