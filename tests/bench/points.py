"""Points: several measurements on one broker, shown as a table and kept as JSON; what `scale` and `mixed` share."""

import asyncio
import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from tests.bench.broker import Broker
from tests.bench.programs import CHECKOUT

Point = TypeVar("Point")
"""A flat dataclass: what was measured."""

PARTITIONS = 8
LOCAL = CHECKOUT / ".local"
RUNS = LOCAL / "bench" / "runs"


def measure(
    todo: Iterable[tuple[str, Callable[[Broker], Coroutine[Any, Any, Point]]]],
    show: Callable[[list[Point], Console], Any],
    file: Path,
) -> list[Point]:
    """Measure each (what, how) in turn on one new broker, `show` the points, write them to `file`."""
    console = Console(highlight=False, emoji=False, markup=False, width=None if sys.stdout.isatty() else 160)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    broker = Broker(LOCAL / "bench" / "stack", LOCAL, PARTITIONS)
    points = []
    try:
        broker.up(console.print)
        for what, how in todo:
            console.print(f"{what} ...")
            points.append(asyncio.run(how(broker)))
    finally:
        broker.down()
    show(points, console)
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    file.write_text(json.dumps({"about": machine, "points": [vars(point) for point in points]}, indent=1))
    return points
