"""A program under test: one process, what it used, and how it is started and stopped."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 40.0
LAST_LINES = 12


class ProgramError(Exception):
    """A program ended by itself, or took too long; the text has its last lines."""


@dataclass
class Program:
    """A running program; what it prints is in `log`."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path) -> "Program":
        """Start a program in a session of its own."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, process, log)

    def check(self) -> None:
        """Raise `ProgramError` if it has ended."""
        if self.process.poll() is not None:
            raise self.error(f"ended by itself ({self.process.returncode})")

    def stop(self) -> int:
        """SIGTERM, then SIGKILL; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(STOP_SECONDS)

    def error(self, what: str) -> ProgramError:
        """Say what went wrong, with its last lines."""
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return ProgramError("\n".join([f"{self.name} {what}. Its last lines ({self.log}):", *lines]))

    def cpu_seconds(self) -> float:
        """User and system time so far, children (living and reaped) too."""
        return sum(sum(int(field) for field in _stat(pid)[11:15]) for pid in self._family()) / TICKS

    def peak_bytes(self) -> int:
        """Most memory that it ever held (resident)."""
        return sum(_peak_kib(pid) for pid in self._family()) * 1024

    def _family(self) -> Iterator[int]:
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, _read(children).split())


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on: the name before them may contain blanks."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()


def _peak_kib(pid: int) -> int:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
