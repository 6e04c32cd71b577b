"""A network that can be slow or cut: a TCP proxy between workers and the broker, on loopback."""

import asyncio
from contextlib import suppress
from time import monotonic

CHUNK = 64 << 10
QUEUED = 256
"""Chunks on their way in one direction before the sender has to wait."""


class Proxy:
    """Forwards a port to another.  `delay_seconds` is each direction's; while cut nothing arrives and nothing is lost.

    As in a real network the ends see no error when it is cut: bytes wait, new connections find nobody who answers.
    """

    def __init__(self, port: int, to_port: int) -> None:
        self.delay_seconds = 0.0
        self._port, self._to_port = port, to_port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Drop all connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Let nothing through from now on."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through again, what waited first."""
        self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._open.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._forward(reader, far_writer))
                    both.create_task(self._forward(far_reader, writer))
            finally:
                far_writer.close()
        except* (OSError, ConnectionError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deliver each chunk so long after it came, in order; end this connection when one side ends."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED)
        delivering = asyncio.create_task(self._deliver(waiting, writer))
        try:
            while chunk := await reader.read(CHUNK):
                await waiting.put((monotonic() + self.delay_seconds, chunk))
            await waiting.put((monotonic() + self.delay_seconds, b""))
            await delivering
        finally:
            delivering.cancel()
        raise ConnectionResetError

    async def _deliver(self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due, chunk = await waiting.get()
            await asyncio.sleep(max(0.0, due - monotonic()))
            await self._open.wait()
            if not chunk:
                return
            with suppress(ConnectionError):
                writer.write(chunk)
                await writer.drain()
