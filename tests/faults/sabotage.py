"""A worker with something broken in it: `python -m tests.faults.sabotage cancel-fetcher|block-loop|full-disk`."""

import asyncio
import resource
import sys
from collections.abc import Callable
from time import sleep
from typing import Any

import faust

from agents import app as worker_app
from agents import cli

AT_WORK_SECONDS = 3.0
"""From the start of its tasks until it breaks."""
BLOCKED_SECONDS = 90.0
FILE_BYTES = 192 << 10
"""No file may grow beyond this: a write that does fails, as on a full disk."""


def cancel_fetcher(app: faust.App) -> None:
    """Cancel the tasks of Faust's fetcher; nobody notices, the app says that it runs."""
    for task in app._fetcher._futures:
        task.cancel()


def block_loop(app: faust.App) -> None:
    """Do not come back for 90 s."""
    sleep(BLOCKED_SECONDS)


def broken_after_start(what: Callable[[faust.App], None]) -> None:
    """Have every app that is built break some time after it has started."""
    build = worker_app.build_app

    def build_app(*args: Any) -> faust.App:
        app = build(*args)

        @app.task
        async def break_it() -> None:
            await asyncio.sleep(AT_WORK_SECONDS)
            what(app)

        return app

    worker_app.build_app = build_app


def main(what: str) -> None:
    """Run the worker, and break it."""
    match what:
        case "cancel-fetcher":
            broken_after_start(cancel_fetcher)
        case "block-loop":
            broken_after_start(block_loop)
        case "full-disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        case _:
            sys.exit(f"sabotage: no {what}")
    sys.argv = ["touchline", "worker"]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1])
