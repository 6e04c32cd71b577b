"""Exactly once, on a real broker: whatever dies, every row and trigger is what the log says, once."""

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.local.company import simulate
from agents.settings import Clock, Settings
from tests.conftest import LiveStack, Running, Touchline

DAYS = 40
END_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
PIECES = 12


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated company's events, in received order, cut into files that follow each other."""
    folder = tmp_path_factory.mktemp("company")
    events = list(simulate(seed=11, days=DAYS, end_ms=END_MS, people=150))
    size = len(events) // PIECES + 1
    for number in range(PIECES):
        lines = (_line(event) for event in events[number * size : (number + 1) * size])
        with gzip.open(folder / f"{number:02}.ndjson.gz", "wb") as out:
            out.writelines(lines)
    return folder


def _line(event: object) -> bytes:
    return event + b"\n" if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    """Fresh topics, the log's clock, and a name for the worker so that a restart takes over at once."""
    settings = stack.settings(clock=Clock.log, instance_id="worker-1", batch_records=400)
    await stack.fresh_topics(settings)
    return settings


def replay(touchline: Touchline, settings: Settings, pieces: Path, *numbers: int) -> None:
    files = [str(pieces / f"{number:02}.ndjson.gz") for number in numbers]
    done = touchline.run(settings, "replay", *files, "--clock", "file")
    assert done.returncode == 0, done.stderr


def verified(touchline: Touchline, settings: Settings) -> dict[str, object]:
    """What `touchline verify` found, which must be no difference, over something to find one in."""
    done = touchline.run(settings, "verify", "--json", timeout_seconds=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert report["clean"]
    return report


def died_at(worker: Running) -> int:
    return worker.wait(60)


@pytest.mark.parametrize(
    "point",
    [
        "after-fold:30",
        "inside-sends:25",
        "after-sends:25",
        "after-offsets:20",
        "commit-sent:20",
        "after-commit:20",
        "after-apply:20",
        "after-fence:4",
    ],
)
def test_a_kill_loses_and_doubles_nothing(ready: Settings, touchline: Touchline, pieces: Path, point: str) -> None:
    replay(touchline, ready, pieces, 0, 1, 2, 3)
    assert died_at(touchline.start(ready, "worker", TOUCHLINE_FAULT_AT=point)) == -9
    worker = touchline.start(ready, "worker")
    replay(touchline, ready, pieces, 4, 5)
    verified(touchline, ready)
    assert worker.stop() == 0, worker.output


def test_a_kill_during_recovery_from_a_kill_loses_and_doubles_nothing(
    ready: Settings, touchline: Touchline, pieces: Path
) -> None:
    replay(touchline, ready, pieces, 0, 1, 2, 3)
    assert died_at(touchline.start(ready, "worker", TOUCHLINE_FAULT_AT="after-commit:30")) == -9
    assert died_at(touchline.start(ready, "worker", TOUCHLINE_FAULT_AT="in-recovery:5")) == -9
    worker = touchline.start(ready, "worker")
    verified(touchline, ready)
    assert worker.stop() == 0, worker.output


def test_five_random_kills_of_two_workers_under_load_lose_and_double_nothing(
    stack: LiveStack, ready: Settings, touchline: Touchline, pieces: Path
) -> None:
    chance = random.Random(5)
    workers = {name: _named(touchline, ready, name) for name in ("worker-1", "worker-2")}
    for number in range(5):
        replay(touchline, ready, pieces, 2 * number, 2 * number + 1)
        victim = chance.choice(sorted(workers))
        workers[victim].kill()
        workers[victim] = _named(touchline, ready, victim)
    verified(touchline, ready)
    assert {worker.stop() for worker in workers.values()} == {0}


def _named(touchline: Touchline, settings: Settings, name: str) -> Running:
    own = settings.model_copy(update={"instance_id": name, "data_dir": settings.data_dir / name})
    return touchline.start(own, "worker")


def test_rocksdb_goes_on_where_it_was(ready: Settings, touchline: Touchline, pieces: Path) -> None:
    settings = ready.model_copy(update={"store": "rocksdb"})
    replay(touchline, settings, pieces, 0, 1, 2)
    assert died_at(touchline.start(settings, "worker", TOUCHLINE_FAULT_AT="after-commit:30")) == -9
    worker = touchline.start(settings, "worker")
    replay(touchline, settings, pieces, 3)
    verified(touchline, settings)
    assert worker.stop() == 0, worker.output
