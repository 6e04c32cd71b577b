"""Demo, part 1.  Children: worker, collector, sync as processes of their own, watched, and ended in good order."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import SecretStr

from agents.settings import Settings

STOP_SECONDS = 10.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
LAST_LINES = 15


class ChildError(Exception):
    """A child ended by itself, did not become ready, or did not stop as it should; the text has its last lines."""


class Child:
    """One `touchline` process; what it prints is in `log`."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._stopping = False

    async def ended(self) -> None:
        """Wait until it ends; raise `ChildError` unless `stop` made it end."""
        code = await self._process.wait()
        if not self._stopping:
            raise self._error(f"ended by itself ({code})")

    async def ready(self, url: str) -> None:
        """Poll its readiness probe; raise `ChildError` after `READY_SECONDS`, or when it ends first."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await asyncio.to_thread(_answers, url):
                    if self._process.returncode is not None:
                        raise self._error(f"ended while starting ({self._process.returncode})")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise self._error(f"was not ready within {READY_SECONDS:.0f} s") from None

    async def stop(self) -> None:
        """SIGTERM; raise `ChildError` unless it exits 0 within `STOP_SECONDS`.  Harmless if it was stopped before."""
        if self._stopping:
            return
        self._stopping = True
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            raise self._error(f"did not stop within {STOP_SECONDS:.0f} s") from None
        if code != 0:
            raise self._error(f"did not stop in good order ({code})")

    async def kill(self) -> None:
        """SIGKILL, for the way out after an error; harmless if it has ended."""
        self._stopping = True
        if self._process.returncode is None:
            self._process.kill()
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    def _error(self, what: str) -> ChildError:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return ChildError("\n".join([f"The {self.name} {what}. Its last lines ({self.log}):", *lines]))


@asynccontextmanager
async def child(name: str, settings: Settings, command: str, log: Path) -> AsyncIterator[Child]:
    """Run `touchline <command>`; stop it in good order at the end and on Ctrl-C, kill it after an error."""
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for the demo, which then stops its children in order.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.cli", *command.split()),
            env=environment(settings),
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )
    running = Child(name, process, log)
    try:
        yield running
        await running.stop()
    except asyncio.CancelledError:
        await running.stop()
        raise
    finally:
        await running.kill()


def environment(settings: Settings) -> dict[str, str]:
    """Give the environment of a process that shall have exactly these settings, whatever ours says."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHLINE_")}
    values: Mapping[str, object] = dict(settings)
    ours = {f"TOUCHLINE_{name.upper()}": _text(value) for name, value in values.items() if value is not None}
    return others | ours | {"PYTHONUNBUFFERED": "1"}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    return str(value.value) if isinstance(value, Enum) else str(value)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310 - our own probe on loopback
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
