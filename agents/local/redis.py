"""Local stack, part 3.  Redis: `redis-server` from the PATH, else Debian's packages unpacked into the data folder."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from agents.local.processes import Daemon, LocalError, Progress, run_tool

PACKAGES = ("redis-server", "redis-tools")
FETCH_SECONDS = 300.0
START_SECONDS = 15.0


class Redis:
    """The Redis of one data folder, without persistence: the read model can be rebuilt from the topics."""

    def __init__(self, folder: Path, lib: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.lib = lib.resolve()
        self.port = port
        self.daemon = Daemon("Redis", self.folder / "redis.pid", self.folder / "redis.log")

    @property
    def address(self) -> str:
        """The URL, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def fetch(self, progress: Progress) -> None:
        """Make sure that there is a `redis-server`: needs no root and starts no system service."""
        if self._program() is not None:
            return
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise LocalError("`redis-server` is not on the PATH. Install Redis 7 or newer with your package manager.")
        progress("Fetching Redis from Debian (2 MB, once) ...")
        unfinished = self.lib.with_name(f".redis-{os.getpid()}")
        try:
            _unpack_packages(unfinished)
            unfinished.rename(self.lib)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def start(self, progress: Progress) -> None:
        """Start Redis and wait until it answers; harmless if it runs."""
        if self.daemon.pid is None:
            self.daemon.claim(self.port, settings="TOUCHLINE_LOCAL_REDIS_PORT and TOUCHLINE_REDIS_URL")
            self.folder.mkdir(parents=True, exist_ok=True)
            program = self._program()
            if program is None:
                raise LocalError("There is no `redis-server` yet. Run `touchline stack up`, which fetches it.")
            progress("Starting Redis ...")
            self.daemon.start([program, *self._arguments()], env=self._environment())
        self.daemon.wait_ready(self.ready, timeout_seconds=START_SECONDS)

    def ready(self) -> bool:
        """Whether Redis answers a PING."""
        import redis

        client = redis.Redis.from_url(self.address, socket_timeout=2.0, socket_connect_timeout=2.0)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _program(self) -> str | Path | None:
        unpacked = self.lib / "usr" / "bin" / "redis-server"
        return shutil.which("redis-server") or (unpacked if unpacked.exists() else None)

    def _arguments(self) -> list[str]:
        """Command line: loopback only, nothing written to disk."""
        bind = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [*bind, "--save", "", "--appendonly", "no", "--daemonize", "no"]

    def _environment(self) -> Mapping[str, str]:
        libraries = [str(path) for path in self.lib.glob("usr/lib/*-linux-gnu*")]
        if not libraries:
            return os.environ
        before = os.environ.get("LD_LIBRARY_PATH")
        return os.environ | {"LD_LIBRARY_PATH": ":".join(libraries + ([before] if before else []))}


def _unpack_packages(folder: Path) -> None:
    """Download Redis and those of its libraries that this machine lacks, and unpack them into `folder`."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    lists = _package_lists(folder)
    run_tool(["apt-get", *lists, "update"], timeout_seconds=FETCH_SECONDS)
    missing = [name for name in _dependencies(lists) if not _installed(name)]
    run_tool(["apt-get", *lists, "download", *PACKAGES, *missing], timeout_seconds=FETCH_SECONDS, cwd=folder)
    for package in folder.glob("*.deb"):
        run_tool(["dpkg", "-x", package, folder], timeout_seconds=60)
        package.unlink()
    shutil.rmtree(folder / "apt")


def _package_lists(folder: Path) -> list[str]:
    """Apt options that keep the lists under `folder`: the machine's own may be absent, old, or another user's."""
    state, cache = folder / "apt" / "state", folder / "apt" / "cache"
    for place in (state / "lists" / "partial", cache / "archives" / "partial"):
        place.mkdir(parents=True)
    places = [f"Dir::State::lists={state}/lists", f"Dir::Cache={cache}", "APT::Sandbox::User="]
    return [part for place in places for part in ("-o", place)]


def _dependencies(lists: list[str]) -> list[str]:
    """Names of the packages that Redis needs at once, without the ones that only its system service needs."""
    listed = run_tool(["apt-cache", *lists, "depends", "--important", "redis-tools"], timeout_seconds=60)
    names = [line.split()[-1] for line in listed.splitlines() if line.strip().startswith("Depends:")]
    return sorted({name for name in names if not name.startswith("<")})


def _installed(package: str) -> bool:
    try:
        state = run_tool(["dpkg-query", "-W", "-f", "${Status}", package], timeout_seconds=30)
    except LocalError:
        return False
    return state.strip().endswith("ok installed")
