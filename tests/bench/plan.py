"""What so many people take, on paper: `python -m tests.bench.plan`.  The core tells the sizes, the bench the speeds."""

import argparse
import sys
from math import ceil

import msgspec
from rich.console import Console
from rich.table import Table

from agents import rules_file
from streams.intake import parse_web_event
from streams.policy import Policy
from streams.profile import Profile, apply, pack
from streams.touches import WebSites
from streams.views import encode, profile_view
from tests.bench.events import DAY_MS, Maker, Person
from tests.bench.programs import CHECKOUT

HISTORIES = (1, 10, 30, 150, 600, 1_500)
"""Events of one person in 30 days."""
BEGIN = 1_790_000_000_000
WINDOW_DAYS = 30
SPARE = 0.5
"""A worker is planned for so much of what it does at most."""
FEWEST_WORKERS, FEWEST_PARTITIONS = 2, 8
LANES_A_WORKER = 4
"""Partitions for each worker, so that a fourth of its work can move when one more comes."""
COPIES = 3
"""Replicas of a topic in production."""
UNCOMPACTED = 2.0
"""A compacted topic holds older rows, too, until the broker cleans them."""
ON_DISK = 1.2
"""RocksDB's files for a byte of rows."""


FIGURES = (
    ("events_per_second", "events/s, peak", ",.0f"),
    ("workers", "workers", ","),
    ("partitions", "partitions", ","),
    ("ticks_per_second", "ticks/s without traffic", ","),
    ("memory_gigabytes", "GB of memory, a worker", ",.1f"),
    ("disk_gigabytes", "GB of disk, a worker", ",.0f"),
    ("broker_gigabytes", "GB at the broker", ",.0f"),
    ("redis_gigabytes", "GB in Redis", ",.0f"),
)
"""(field of `Needs`, its title, its format)."""


class Needs(msgspec.Struct):
    """What a number of people takes."""

    people: int
    events_per_second: float
    """At the peak."""
    workers: int
    partitions: int
    ticks_per_second: int
    memory_gigabytes: float
    """Of one worker."""
    disk_gigabytes: float
    """Of one worker."""
    broker_gigabytes: float
    """Changelog and views, all replicas."""
    redis_gigabytes: float


def history(events: int, policy: Policy) -> Profile:
    """Fold the events of one person, spread evenly over 30 days."""
    sites = WebSites(policy.web.own_domains)
    instants = (BEGIN + number * (WINDOW_DAYS - 1) * DAY_MS // events for number in range(events))
    profile: Profile | None = None
    for line in Maker(events).stream([Person.named("u-1")], 0, instants):
        for record in parse_web_event(line.value, kafka_timestamp=line.at, sites=sites):
            profile = apply(profile, record, policy, clock=line.at).profile
    assert profile is not None
    return profile


def needs(people: int, row_bytes: int, view_bytes: int, chosen: argparse.Namespace) -> Needs:
    """Plan for a number of people."""
    peak = people * chosen.events_per_day / 86_400 * chosen.peak
    workers = max(
        FEWEST_WORKERS,
        ceil(peak / (chosen.worker_events_per_second * SPARE)),
        ceil(people / chosen.worker_people),
    )
    partitions = max(FEWEST_PARTITIONS, 1 << (LANES_A_WORKER * workers - 1).bit_length())
    rows, views = people * row_bytes, people * view_bytes
    memory = chosen.worker_megabytes * 1e6 + chosen.bytes_a_person * people / workers
    return Needs(
        people=people,
        events_per_second=peak,
        workers=workers,
        partitions=partitions,
        ticks_per_second=partitions,
        memory_gigabytes=memory / 1e9,
        disk_gigabytes=rows * ON_DISK / workers / 1e9,
        broker_gigabytes=(rows + views) * UNCOMPACTED * COPIES / 1e9,
        redis_gigabytes=views / 1e9,
    )


def main() -> int:
    """Print both tables."""
    chosen = _arguments()
    policy = rules_file.load(CHECKOUT / "rules.toml")
    sizes = {events: _sizes(events, policy) for events in {*HISTORIES, chosen.events_per_day * WINDOW_DAYS}}
    console = Console(highlight=False, emoji=False, markup=False)
    console.print(_sizes_table(sizes))
    row_bytes, view_bytes = sizes[chosen.events_per_day * WINDOW_DAYS]
    console.print(_needs_table([needs(people, row_bytes, view_bytes, chosen) for people in chosen.people]))
    return 0


def _sizes(events: int, policy: Policy) -> tuple[int, int]:
    profile = history(events, policy)
    return len(pack(profile)), len(encode(profile_view(profile, policy, clock=profile.latest)))


def _sizes_table(sizes: dict[int, tuple[int, int]]) -> Table:
    table = Table(title="One person")
    for title in ("events in 30 days", "row, bytes", "view, bytes"):
        table.add_column(title, justify="right")
    for events, (row, view) in sorted(sizes.items()):
        table.add_row(f"{events:,}", f"{row:,}", f"{view:,}")
    return table


def _needs_table(plans: list[Needs]) -> Table:
    table = Table(title="What people take")
    table.add_column("people")
    for plan in plans:
        table.add_column(f"{plan.people:,}", justify="right")
    for field, title, form in FIGURES:
        table.add_row(title, *(format(getattr(plan, field), form) for plan in plans))
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.plan", description=__doc__)
    number = "%(default)s"
    parser.add_argument("--people", type=_numbers, default=[10**6, 10**7, 10**8], help="comma-separated")
    parser.add_argument("--events-per-day", type=int, default=5, help=f"of one person; {number}")
    parser.add_argument("--peak", type=float, default=3.0, help=f"busiest second to the average one; {number}")
    parser.add_argument(
        "--worker-events-per-second", type=int, default=18_000, help=f"of one with many people; {number}"
    )
    parser.add_argument("--worker-people", type=int, default=4_000_000, help=f"of one worker at most; {number}")
    parser.add_argument("--worker-megabytes", type=int, default=350, help=f"of one worker without people; {number}")
    parser.add_argument("--bytes-a-person", type=int, default=320, help=f"of memory, rows on disk; {number}")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
