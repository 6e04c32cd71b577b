"""The job in Quix Streams, exactly once, rows in RocksDB.  It runs in an environment of its own (see README.md)."""

import os
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]
from quixstreams.models import TopicConfig  # type: ignore[import-not-found]

from tests.bench.peers.job import fold, new_row, normalised


def track(event: dict[str, Any], state: State) -> dict[str, Any] | None:
    """Fold an event into the row of its person."""
    row = state.get("row") or new_row()
    trigger = fold(row, event)
    state.set("row", row)
    return trigger


def main() -> None:
    """Run until a signal."""
    app = Application(
        broker_address=os.environ["BENCH_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_APP"],
        state_dir=os.environ["BENCH_STATE_DIR"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=float(os.environ["BENCH_COMMIT_SECONDS"]),
    )
    config = TopicConfig(num_partitions=int(os.environ["BENCH_PARTITIONS"]), replication_factor=1)
    source = app.topic(os.environ["BENCH_SOURCE"], value_deserializer="json", key_deserializer="str", config=config)
    triggers = app.topic(os.environ["BENCH_TRIGGERS"], value_serializer="json", key_serializer="str", config=config)
    stream = app.dataframe(source).apply(normalised).group_by("user_id", name="by-person")
    stream = stream.apply(track, stateful=True).filter(lambda trigger: trigger is not None)
    stream.to_topic(triggers, key=lambda trigger: trigger["user_id"])
    app.run()


if __name__ == "__main__":
    main()
