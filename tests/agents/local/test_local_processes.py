"""Daemons of the local stack, tried on small real processes."""

import os
import signal
import socket
import sys

import pytest

from agents.local.processes import Daemon, LocalError, free_port, port_taken, run_tool

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon("Sleeper", tmp_path / "sleeper.pid", tmp_path / "sleeper.log")
    yield daemon
    daemon.stop(timeout_seconds=0)


def said_up(daemon) -> bool:
    return "up" in daemon.log_file.read_text()


def test_a_daemon_that_was_never_started_has_no_pid_and_stops_well(daemon) -> None:
    assert daemon.pid is None
    assert daemon.stop() is False


def test_a_daemon_is_known_to_another_command_by_its_pid_file(daemon) -> None:
    daemon.start(SLEEPER, env=os.environ)
    assert Daemon("Sleeper", daemon.pid_file, daemon.log_file).pid == daemon.pid


def test_a_daemon_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(daemon) -> None:
    daemon.start(SLEEPER, env=os.environ)
    assert os.getsid(daemon.pid) == daemon.pid != os.getsid(0)


def test_a_killed_daemon_has_no_pid_at_once(daemon) -> None:
    daemon.start(SLEEPER, env=os.environ)
    pid = daemon.pid
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert daemon.pid is None


def test_a_pid_that_somebody_else_got_is_not_ours(daemon) -> None:
    daemon.pid_file.write_text(f"{os.getpid()} 1")
    assert daemon.pid is None
    assert daemon.stop() is False


@pytest.mark.parametrize("content", ["", "x", "-", "99999999 5"])
def test_a_broken_pid_file_means_not_running(daemon, content) -> None:
    daemon.pid_file.write_text(content)
    assert daemon.pid is None


def test_a_daemon_that_ignores_sigterm_is_killed(daemon) -> None:
    daemon.start(DEAF, env=os.environ)
    daemon.wait_ready(lambda: said_up(daemon), timeout_seconds=20)
    assert daemon.stop(timeout_seconds=0.2) is True
    assert daemon.pid is None


def test_a_daemon_that_ends_while_starting_shows_the_end_of_its_log(daemon) -> None:
    daemon.start([sys.executable, "-c", "raise SystemExit('no room left')"], env=os.environ)
    with pytest.raises(LocalError, match=r"Sleeper ended while starting[\s\S]*no room left"):
        daemon.wait_ready(lambda: False, timeout_seconds=20)


def test_a_daemon_that_never_answers_is_given_up_at_the_deadline(daemon) -> None:
    daemon.start(SLEEPER, env=os.environ)
    with pytest.raises(LocalError, match="no answer within 0 s"):
        daemon.wait_ready(lambda: False, timeout_seconds=0.2)


def test_a_port_with_a_listener_is_taken_and_claiming_it_names_the_setting(daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port_taken(port)
        with pytest.raises(LocalError, match=rf"Port {port}, meant for Sleeper, is taken.*TOUCHLINE_X"):
            daemon.claim(port, settings="TOUCHLINE_X")


def test_a_free_port_is_not_taken(daemon) -> None:
    port = free_port()
    daemon.claim(port, settings="TOUCHLINE_X")
    assert not port_taken(port)


def test_a_tool_that_fails_shows_its_last_lines() -> None:
    with pytest.raises(LocalError, match=r"failed \(3\):\n  two"):
        run_tool([sys.executable, "-c", "print('two'); raise SystemExit(3)"], timeout_seconds=20)


def test_a_tool_that_hangs_is_ended() -> None:
    with pytest.raises(LocalError, match="did not end within"):
        run_tool(SLEEPER, timeout_seconds=0.3)
