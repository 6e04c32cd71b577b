"""`make faults`: every fault of the catalogue on the newest Kafka and on 3.9.  `python -m tests.faults --help`."""

import argparse
import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from rich.console import Console

from agents.local.kafka import Kafka
from agents.local.processes import LocalError
from tests.faults import report
from tests.faults.catalogue import (
    NEWEST,
    OLDER,
    OLDER_SHARE,
    RANDOM_MINUTES,
    SOAK_MINUTES,
    SOAK_TIMES,
    Fault,
    catalogue,
    named,
    played_on,
    runs_of,
)
from tests.faults.report import Line
from tests.faults.run import Outcome
from tests.faults.site import LOCAL

FOLDER = LOCAL / "faults"


def main() -> int:
    """Play the faults, some at the same time; 0: every run was made and was exact."""
    chosen = _arguments()
    faults = _chosen_faults(chosen)
    console = Console(highlight=False, emoji=False, markup=False, width=None if sys.stdout.isatty() else 160)
    if chosen.list:
        console.print("\n".join(f"{fault.runs:3} x {fault.name}" for fault in faults))
        return 0
    started, work = monotonic(), _work(faults, chosen)

    def say(line: str) -> None:
        console.print(f"{monotonic() - started:6.0f} s  {line}", soft_wrap=True)

    try:
        for version in sorted({line.kafka for _, line in work}):
            Kafka(FOLDER, LOCAL / "kafka-lib", 0, version).fetch(say)
    except LocalError as error:
        say(str(error))
        return 1
    asyncio.run(_all(work, chosen, say))
    lines = [line for _, line in sorted(work, key=lambda one: (_age(one[1].kafka, chosen), faults.index(one[0])))]
    report.show(lines, console)
    report.write(lines, chosen.json, cores=os.cpu_count(), seconds=monotonic() - started, at_once=chosen.at_once)
    console.print(f"Everything in {chosen.json}", soft_wrap=True)
    return 0 if all(line.well for line in lines) else 1


def _work(faults: list[Fault], chosen: argparse.Namespace) -> list[tuple[Fault, Line]]:
    """What is to be done, the longest first."""
    found = []
    for fault in faults:
        for version in dict.fromkeys(played_on(fault, kafka) for kafka in chosen.kafka):
            runs = chosen.runs or runs_of(fault, is_newest=not _age(version, chosen), times=chosen.times)
            found.append((fault, Line(fault.name, version, fault.is_kill, runs)))
    return sorted(found, key=lambda one: -one[0].seconds * one[1].wanted)


async def _all(work: list[tuple[Fault, Line]], chosen: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Play as many at the same time as there are places for, the longest first."""
    waiting, playing, free = list(work), set[asyncio.Task[int]](), chosen.at_once

    async def play(fault: Fault, line: Line) -> int:
        await _played(fault, line, chosen, say)
        return min(fault.places, chosen.at_once)

    while waiting or playing:
        for fault, line in list(waiting):
            places = min(fault.places, chosen.at_once)
            if places <= free:
                free -= places
                waiting.remove((fault, line))
                playing.add(asyncio.create_task(play(fault, line)))
        done, playing = await asyncio.wait(playing, return_when=asyncio.FIRST_COMPLETED)
        free += sum(task.result() for task in done)


async def _played(fault: Fault, line: Line, chosen: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Play a fault in a process of its own; what ends that is the line's problem."""
    name = f"{line.kafka}-{fault.name}".replace(" ", "-")
    minutes = chosen.random_minutes * (OLDER_SHARE if _age(line.kafka, chosen) else 1)
    found = FOLDER / f"{name}.json"
    found.unlink(missing_ok=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.child", fault.name, "--kafka", line.kafka, "--runs", str(line.wanted)),
        *("--seed", str(chosen.seed), "--random-minutes", str(minutes)),
        *("--folder", str(FOLDER / name), "--json", str(found)),
        stdout=PIPE,
        stderr=STDOUT,
        limit=1 << 20,
    )
    assert process.stdout is not None
    last = ""
    try:
        async with asyncio.timeout(line.wanted * fault.limit_seconds):
            async for raw in process.stdout:
                last = raw.decode(errors="replace").rstrip()
                say(f"{line.kafka}  {last}")
            await process.wait()
    except TimeoutError:
        last = "took too long"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    if found.exists():
        line.outcomes = [_outcome(one) for one in json.loads(found.read_text())]
    else:
        line.problem = f"ended with {process.returncode}: {last}"


def _age(kafka: str, chosen: argparse.Namespace) -> int:
    """Say how old a Kafka is among those that were asked for; 0: as new as the newest."""
    return chosen.kafka.index(kafka) if kafka in chosen.kafka else 0


def _outcome(found: dict[str, object]) -> Outcome:
    return Outcome(**{name: value for name, value in found.items() if name != "exact"})  # type: ignore[arg-type]


def _chosen_faults(chosen: argparse.Namespace) -> list[Fault]:
    faults = catalogue(chosen.random_minutes)
    return named(chosen.only.split(","), faults) if chosen.only else faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose names begin so, comma-separated")
    parser.add_argument("--runs", type=int, default=0, help="runs of each fault, instead of the catalogue's number")
    parser.add_argument("--kafka", default=f"{NEWEST},{OLDER}", help="versions, the newest first")
    parser.add_argument("--at-once", type=int, default=3, help="faults that are played at the same time")
    parser.add_argument("--random-minutes", type=float, default=RANDOM_MINUTES, help="minutes of random kills")
    parser.add_argument("--soak", action="store_true", help="a night's size: more runs of everything")
    parser.add_argument("--seed", type=int, default=1, help="of loads, countdowns and delays")
    parser.add_argument("--json", type=Path, default=FOLDER / "faults.json", help="where the results go")
    parser.add_argument("--list", action="store_true", help="list the faults and do nothing")
    chosen = parser.parse_args()
    chosen.kafka = chosen.kafka.split(",")
    chosen.times = SOAK_TIMES if chosen.soak else 1
    if chosen.soak:
        chosen.random_minutes = SOAK_MINUTES
    return chosen


if __name__ == "__main__":
    sys.exit(main())
