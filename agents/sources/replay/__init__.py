"""`touchline replay`: NDJSON files of Segment events go to `web-events`, live or as they came in at the time.

Rooms: lines (files) -> timeline (order, received time, marks) -> publish (Kafka).  Here: the command.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agents.settings import Settings
from agents.sources.replay import timeline
from agents.sources.replay.lines import UnreadableError, read, rereadable
from agents.sources.replay.publish import AwayError, Pace, Progress, publish
from agents.sources.replay.timeline import DisorderError, Event, Mark

PLAIN_EVERY_SECONDS = 5.0
"""Between progress lines where there is no terminal."""


class SpeedError(ValueError):
    """A `--speed` that is neither `max` nor a positive factor like `60x`."""


def pace_of(speed: str) -> Pace:
    """Read `max`, `1x`, `60x`, `0.5x` as file seconds a second; raise `SpeedError` for anything else."""
    try:
        pace = float("inf") if speed == "max" else float(speed.removesuffix("x"))
    except ValueError:
        pace = 0.0
    if not pace > 0:
        msg = f"speed {speed!r}: should be max, or a factor like 1x or 60x"
        raise SpeedError(msg)
    return pace


def run(settings: Settings, files: Sequence[str], *, speed: str = "max", clock_file: bool = False) -> int:
    """Publish the events of all `files` to `web-events`; return the exit code, 1 with a message on any failure.

    `clock_file` is for stacks in log-clock mode: received time comes from the file and time marks go along, so
    the files must hold received order, or be short enough to be sorted.  Without it Kafka's own time counts.
    A line that is not an event is published as it is: it ends in `rejected-events`, where its sender finds it.
    """
    console = Console(stderr=True)
    try:
        pace = pace_of(speed)
        with _reported(console) as report, rereadable(files) if clock_file else _as_named(files) as names:
            items = _dated(names, pace) if clock_file else timeline.as_received(read(names), _now_ms())
            publishing = publish(
                settings.kafka_bootstrap,
                items,
                pace=pace,
                stamp=clock_file,
                report=report,
            )
            done = asyncio.run(publishing)
    except (SpeedError, UnreadableError, DisorderError, AwayError) as error:
        console.print(f"replay: {error}", style="red", markup=False, highlight=False)
        return 1
    _notes(console, done)
    return 0


@contextmanager
def _as_named(files: Sequence[str]) -> Iterator[list[str]]:
    yield list(files)


def _dated(names: Sequence[str], pace: Pace) -> Iterator[Event | Mark]:
    """Items with the file's clock.  Reads twice: order is known before anything is published."""
    now_ms = _now_ms()
    count, found = timeline.disorder(timeline.stamped(read(names), now_ms))
    events = timeline.in_order(timeline.stamped(read(names), now_ms), count, found)
    every_ms = int(min(timeline.MARK_EVERY_MS, max(1000, pace * 1000)))
    return timeline.with_marks(events, every_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Reporter:
    """Shows progress: one changing line on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._shown = self._started
        self.live: Live | None = None
        self.last = Progress()

    def __call__(self, progress: Progress) -> None:
        self.last = progress
        if self.live is not None:
            self.live.update(self.line())
        elif time.monotonic() - self._shown > PLAIN_EVERY_SECONDS:
            self._shown = time.monotonic()
            self._console.print(self.line())

    def line(self) -> Text:
        seconds = max(time.monotonic() - self._started, 0.001)
        marks = f", {self.last.marks:,} marks" if self.last.marks else ""
        until = f", at {_instant(self.last.at)}" if self.last.at else ""
        rate = self.last.events / seconds
        return Text(f"replay: {self.last.events:,} events{marks}, {rate:,.0f}/s, {seconds:.1f} s{until}")


@contextmanager
def _reported(console: Console) -> Iterator[_Reporter]:
    reporter = _Reporter(console)
    if not console.is_terminal:
        yield reporter
        console.print(reporter.line())
        return
    with Live(reporter.line(), console=console, refresh_per_second=4) as reporter.live:
        yield reporter
        reporter(reporter.last)


def _notes(console: Console, done: Progress) -> None:
    if done.without_key:
        console.print(f"replay: {done.without_key:,} lines without a readable id were published as they are")
    if done.too_long:
        left_out = f"replay: {done.too_long:,} lines longer than a Kafka message (2 MiB) were left out"
        console.print(left_out, style="yellow")


def _instant(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at / 1000)) + " UTC"
