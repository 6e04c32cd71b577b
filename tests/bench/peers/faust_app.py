"""The job in stock Faust with a table: at least once, as it cannot do better with a table and external topics."""

import os
import sys
from collections.abc import AsyncIterator
from time import time
from typing import Any

import faust

from tests.bench.peers.job import fold, new_row, normalised

PARTITIONS = int(os.environ["BENCH_PARTITIONS"])

app = faust.App(
    os.environ["BENCH_APP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    autodiscover=False,
    web_enabled=False,
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    datadir=os.environ["BENCH_STATE_DIR"],
    store="memory://",
    value_serializer="json",
)
source = app.topic(os.environ["BENCH_SOURCE"])
by_person = app.topic(f"{os.environ['BENCH_APP']}-by-person", key_serializer="raw", partitions=PARTITIONS)
triggers = app.topic(os.environ["BENCH_TRIGGERS"], key_serializer="raw", partitions=PARTITIONS)
profiles = app.Table("profiles", partitions=PARTITIONS)


@app.agent(source, name="normalise")
async def normalise(stream: AsyncIterator[dict[str, Any]]) -> None:
    """Decode and re-key."""
    async for segment in stream:
        event = normalised(segment)
        await by_person.send(key=event["user_id"].encode(), value=event)


@app.agent(by_person, name="track")
async def track(stream: AsyncIterator[dict[str, Any]]) -> None:
    """Fold each event into the row of its person."""
    async for event in stream:
        user_id = event["user_id"]
        row = profiles.get(user_id) or new_row()
        trigger = fold(row, event)
        profiles[user_id] = row
        if trigger is not None:
            await triggers.send(key=user_id.encode(), value=trigger)


@app.on_partitions_assigned.connect
async def tell_start(*_: Any, **__: Any) -> None:
    """Tell the bench that rows begin to be restored."""
    sys.stdout.write(f"BENCH restore-start {time() * 1000:.0f} all 0\n")


@profiles.on_recover
async def tell_end() -> None:
    """Tell the bench that rows are restored."""
    sys.stdout.write(f"BENCH restore-end {time() * 1000:.0f} all 0\n")


if __name__ == "__main__":
    app.main()
