"""A worker and its supervisor, which starts it again when it ends otherwise than well, as compose or systemd would."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from agents.local.demo.children import environment
from agents.settings import Settings

WORKER = ("-m", "agents.cli", "worker")
RESTART_SECONDS = 0.3
READY_SECONDS = 120.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
KILLED = -signal.SIGKILL


class UnexpectedError(Exception):
    """A worker did not do what it had to; the text says what, and has its last lines."""


class Worker:
    """One supervised worker: `exits` are its exit codes so far, the last one it was restarted after."""

    def __init__(self, name: str, settings: Settings, log: Path) -> None:
        self.name = name
        self.exits: list[int] = []
        self.settings = settings
        self._log = log
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._judged = 0
        self._faults: deque[str] = deque()
        self._stopping = False

    async def start(self, *faults: str, program: Sequence[str] = WORKER) -> None:
        """Start it with the first kill point; each restart has the next one, and then none.

        `program` is for the first start only.
        """
        self._faults, self._stopping = deque(faults), False
        await self._spawn(program)
        self._keeper = asyncio.create_task(self._keep())

    async def died(self, within_seconds: float = 90.0) -> int:
        """Wait for an exit that nobody has asked about yet; return its code."""
        deadline = monotonic() + within_seconds
        while len(self.exits) == self._judged:
            if monotonic() > deadline:
                raise self.error(f"did not end within {within_seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)
        self._judged += 1
        return self.exits[self._judged - 1]

    async def ready(self, within_seconds: float = READY_SECONDS) -> None:
        """Wait until it has all its lanes open."""
        deadline = monotonic() + within_seconds
        while not await self._answers_ready():
            if monotonic() > deadline:
                raise self.error(f"was not ready within {within_seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):  # it is reaped, and asyncio has not told yet
                os.kill(self._process.pid, number)

    async def stop(self) -> None:
        """SIGTERM, and no restart; raise unless it ends with 0 in time.  Harmless if it was stopped before."""
        if self._stopping:
            return
        self._stopping = True
        self.send(signal.SIGTERM)
        code = await self._end(STOP_SECONDS)
        if code != 0:
            raise self.error(f"ended with {code} after SIGTERM")

    async def kill_for_good(self) -> None:
        """SIGKILL, and no restart; harmless if it has ended."""
        self._stopping = True
        while self._keeper is not None and not self._keeper.done():
            self.send(signal.SIGCONT)
            self.kill()
            await asyncio.sleep(POLL_SECONDS)

    def output(self) -> str:
        """What it printed, all its lives."""
        return self._log.read_text(errors="replace")

    def error(self, what: str) -> UnexpectedError:
        """Say what went wrong, with its last lines."""
        lines = [line[:400] for line in self.output().splitlines()[-12:]]
        return UnexpectedError("\n".join([f"{self.name} {what} (exits {self.exits}). Its last lines:", *lines]))

    async def _end(self, within_seconds: float) -> int:
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), within_seconds)
        except TimeoutError:
            self._process.kill()
            raise self.error(f"did not end within {within_seconds:.0f} s") from None

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if not self._stopping:
                self.exits.append(code)
                await asyncio.sleep(RESTART_SECONDS)
            if self._stopping:
                return
            await self._spawn(WORKER)

    async def _spawn(self, program: Sequence[str]) -> None:
        fault = {"TOUCHLINE_FAULT_AT": self._faults.popleft()} if self._faults else {}
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, *program),
                env=environment(self.settings) | fault,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,
            )

    async def _answers_ready(self) -> bool:
        """Ask the readiness probe."""
        try:
            async with asyncio.timeout(2.0):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.metrics_port)
                try:
                    writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
                    answer = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in answer
