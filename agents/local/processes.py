"""Local stack, part 1.  Daemons: processes that outlive the command which started them, known by a pid file."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Progress: TypeAlias = Callable[[str], None]
"""Called with one short line whenever something over 2 s begins or ends."""

POLL_SECONDS = 0.05
DYING_SECONDS = 5.0
"""A process counts as gone as soon as its main thread is; its sockets may live a moment longer."""


class LocalError(Exception):
    """The local stack cannot do what was asked; the message is for a person and ends with the next step."""


def silent(_: str) -> None:
    """Report no progress."""


def port_taken(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """Return a loopback port that nobody uses now; somebody else may still take it before you do."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run_tool(argv: Sequence[str | Path], *, timeout_seconds: float, cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed; raise `LocalError` with its last lines if it fails."""
    command = [str(part) for part in argv]
    try:
        done = subprocess.run(  # noqa: S603 - the command lines are ours, no shell reads them
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            cwd=cwd,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        msg = f"`{' '.join(command[:3])} ...` did not end within {timeout_seconds:.0f} s. Try again, or run it by hand."
        raise LocalError(msg) from None
    if done.returncode != 0:
        raise LocalError(f"`{' '.join(command[:3])} ...` failed ({done.returncode}):\n{_last_lines(done.stdout)}")
    return done.stdout


class Daemon:
    """One background process.  Its pid file holds the pid and the process's birth, so that a reused pid is not ours."""

    def __init__(self, name: str, pid_file: Path, log_file: Path) -> None:
        self.name = name
        self.pid_file = pid_file
        self.log_file = log_file
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Pid of the running process; None: not running (never started, ended, or a stranger has its pid)."""
        try:
            pid_text, _, birth = self.pid_file.read_text().partition(" ")
            pid = int(pid_text)
        except (OSError, ValueError):
            return None
        if self._child is not None and self._child.pid == pid:
            self._child.poll()  # reaps it, if it ended
        return pid if _alive(pid) and _birth(pid) == birth else None

    def claim(self, port: int, *, settings: str) -> None:
        """Raise `LocalError` if a stranger listens on the port; a killed forerunner has a moment to let it go."""
        deadline = time.monotonic() + (DYING_SECONDS if self.pid_file.exists() else 0)
        while port_taken(port):
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"Port {port}, meant for {self.name}, is taken by another program. "
                    f"Stop that one (`ss -ltnp 'sport = :{port}'` shows it), or set {settings}."
                )
            time.sleep(POLL_SECONDS)

    def start(self, argv: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
        """Start the process in a session of its own; its output replaces the log file."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 - the command lines are ours, no shell reads them
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=self.log_file.parent,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self._child.pid} {_birth(self._child.pid)}")

    def wait_ready(self, ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Poll until `ready`; raise `LocalError` with the end of the log if it ends first or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.pid is None:
                raise LocalError(f"{self.name} ended while starting. {self._log_tail()}")
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name} gave no answer within {timeout_seconds:.0f} s. {self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, *, timeout_seconds: float = 15.0) -> bool:
        """SIGTERM, wait, then SIGKILL; return whether it was running."""
        pid = self.pid
        if pid is not None:
            self._send(pid, signal.SIGTERM)
            if not self._gone_within(timeout_seconds):
                self._send(pid, signal.SIGKILL)
                self._gone_within(5.0)
        self.pid_file.unlink(missing_ok=True)
        return pid is not None

    def _send(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _log_tail(self) -> str:
        try:
            tail = _last_lines(self.log_file.read_text(errors="replace"))
        except OSError:
            tail = "(no log)"
        return f"The end of {self.log_file}:\n{tail}"


def _last_lines(text: str, count: int = 8) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line[:300]}" for line in lines[-count:])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _birth(pid: int) -> str:
    """Start of the process in kernel ticks, which tells two owners of one pid apart; empty where there is no /proc."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on: the name before them may contain blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
