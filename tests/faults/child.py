"""One fault on one Kafka, in a process of its own: `python -m tests.faults.child FAULT ...`; writes its outcomes."""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from tests.faults.catalogue import catalogue
from tests.faults.play import play


def main() -> None:
    """Play, and write the outcomes as JSON; lines for the reader go to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fault")
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--random-minutes", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # brokers go away here, clients need not tell
    fault = next(fault for fault in catalogue(chosen.random_minutes) if fault.name == chosen.fault)
    outcomes = asyncio.run(
        play(
            fault,
            chosen.runs,
            kafka_version=chosen.kafka,
            folder=chosen.folder.resolve(),
            seed=chosen.seed,
            say=_say,
        )
    )
    chosen.json.write_text(json.dumps([outcome.as_json() for outcome in outcomes]))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
