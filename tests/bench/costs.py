"""What an event costs in the processors alone, without Kafka: microseconds by stage, then by function.

`python -m tests.bench.costs --events 100000 --batch 4000`
"""

import argparse
import cProfile
import pstats
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time, time

from aiokafka.structs import ConsumerRecord
from rich.console import Console
from rich.table import Table

from agents import rules_file
from agents.runtime.contract import Effects, Lane, Processor, Rows
from agents.runtime.stores import MemoryStore
from agents.settings import Settings
from agents.topology import exchange, jobs
from streams import topics
from tests.bench.events import partition_of, write
from tests.bench.programs import BENCH, CHECKOUT
from tests.support.topology import Silent

PARTITIONS = 8
SHOWN = 40


class Pipeline:
    """Ingest and profile lanes of all partitions, joined by lists in place of topics."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._offsets: Counter[Lane] = Counter()
        self._stores: dict[Lane, MemoryStore] = defaultdict(MemoryStore)
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: Counter[str] = Counter()
        policy = rules_file.load(BENCH / "rules.toml")
        settings = Settings(_env_file=None, partitions=PARTITIONS, grace_ms=0)  # type: ignore[call-arg]
        exchanged = exchange(settings)
        made = {topic: job.make for job in jobs(settings, policy, Silent(), exchanged) for topic in job.topics}
        web, user = topics.WEB_EVENTS.name, topics.USER_EVENTS.name
        self._ingest = {number: self._lane(made, Lane(web, number)) for number in range(PARTITIONS)}
        self._profiles = {number: self._lane(made, Lane(user, number)) for number in range(PARTITIONS)}

    def _lane(self, made: dict[str, Callable[[Lane, Rows], Processor]], lane: Lane) -> Processor:
        return made[lane.topic](lane, self._stores[lane])

    def run(self, web: dict[int, list[ConsumerRecord]]) -> None:
        """Fold everything, batch by batch, the partitions in turn."""
        waiting: dict[int, list[ConsumerRecord]] = defaultdict(list)
        for start in range(0, max(map(len, web.values())), self._batch):
            for number, records in web.items():
                batch = records[start : start + self._batch]
                if batch:
                    self._into(waiting, self._fold("ingest", self._ingest[number], batch, topics.WEB_EVENTS.name))
            for number, records in waiting.items():
                for begin in range(0, len(records), self._batch):
                    batch = records[begin : begin + self._batch]
                    self._fold("profile", self._profiles[number], batch, topics.USER_EVENTS.name)
            waiting.clear()

    def _fold(self, stage: str, lane: Processor, batch: list[ConsumerRecord], topic: str) -> Effects:
        started = process_time()
        effects = lane.fold(batch, batch[-1].timestamp, batch[-1].timestamp) or Effects()
        self.seconds[stage] += process_time() - started
        self._stores[Lane(topic, batch[0].partition)].write(effects.rows, 0)
        if effects.committed is not None:
            effects.committed({to: self._offsets[Lane(*to)] + len(sent) for to, sent in effects.sends.items()})
        self.counts[f"{stage} records"] += len(batch)
        self.counts[f"{stage} rows"] += len(effects.rows)
        self.counts[f"{stage} row bytes"] += sum(len(row or b"") for row in effects.rows.values())
        for messages in effects.sends.values():
            self.counts[f"{stage} sends"] += len(messages)
            self.counts[f"{stage} send bytes"] += sum(len(value or b"") for _, value, _ in messages)
        return effects

    def _into(self, waiting: dict[int, list[ConsumerRecord]], effects: Effects) -> None:
        for (topic, partition), messages in effects.sends.items():
            for key, value, _ in messages:
                lane = Lane(topic, partition)
                waiting[partition].append(record(topic, partition, self._offsets[lane], 0, key, value))
                self._offsets[lane] += 1


def record(topic: str, partition: int, offset: int, at: int, key: bytes | None, value: bytes | None) -> ConsumerRecord:
    """Make a record as the consumer would."""
    return ConsumerRecord(topic, partition, offset, at, 0, key, value, None, len(key or b""), len(value or b""), ())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costs", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=4000, help="records of one batch (one transaction)")
    parser.add_argument("--functions", action="store_true", help="profile by function too")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    web = _web_events(CHECKOUT / ".local" / "bench", chosen.events)
    pipeline = Pipeline(chosen.batch)
    pipeline.run(web)
    _show(pipeline, chosen.events, chosen.batch, console)
    if chosen.functions:
        with cProfile.Profile() as profiled:
            Pipeline(chosen.batch).run(web)
        for line in _functions(pstats.Stats(profiled), chosen.events):
            console.print(line, markup=False, soft_wrap=True)


def _web_events(folder: Path, events: int) -> dict[int, list[ConsumerRecord]]:
    found: dict[int, list[ConsumerRecord]] = {number: [] for number in range(PARTITIONS)}
    for line in write(folder, events, int(time() * 1000)).lines(events):
        records = found[partition_of(line.device, PARTITIONS)]
        partition = partition_of(line.device, PARTITIONS)
        records.append(record(topics.WEB_EVENTS.name, partition, len(records), line.at, line.device, line.value))
    return found


def _show(pipeline: Pipeline, events: int, batch: int, console: Console) -> None:
    table = Table(title=f"Processors alone: {events:,} events in batches of up to {batch:,}")
    for title in ("stage", "us/event", "rows", "row bytes/event", "sends", "send bytes/event"):
        table.add_column(title, justify="right")
    for stage, seconds in pipeline.seconds.items():
        count = pipeline.counts
        table.add_row(
            stage,
            f"{1e6 * seconds / events:.1f}",
            f"{count[f'{stage} rows']:,}",
            f"{count[f'{stage} row bytes'] / events:.0f}",
            f"{count[f'{stage} sends']:,}",
            f"{count[f'{stage} send bytes'] / events:.0f}",
        )
    console.print(table)


def _functions(stats: pstats.Stats, events: int) -> Iterator[str]:
    """Say what a function costs by itself and with what it calls; the profiler makes all of it slower."""
    yield "us/event by itself, with callees, calls/event, function"
    entries = stats.stats.items()  # type: ignore[attr-defined]
    for (file, _, name), (_, calls, own, total, _) in sorted(entries, key=lambda entry: -entry[1][2])[:SHOWN]:
        place = "/".join(Path(file).parts[-2:])
        yield f"{1e6 * own / events:8.2f} {1e6 * total / events:8.2f} {calls / events:7.2f}  {place}:{name}"


if __name__ == "__main__":
    main()
