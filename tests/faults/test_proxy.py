"""The network of the fault tests: it can be slow, and cut without anybody being told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from agents.local.processes import free_port
from tests.faults.proxy import Proxy


@asynccontextmanager
async def echo_behind_proxy() -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    port, to_port = free_port(), free_port()
    server = await asyncio.start_server(echo, "127.0.0.1", to_port)
    proxy = Proxy(port, to_port)
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield proxy, reader, writer
    finally:
        writer.close()
        await proxy.stop()
        server.close()


async def test_a_delay_is_that_of_each_way_and_keeps_the_order() -> None:
    async with echo_behind_proxy() as (proxy, reader, writer):
        proxy.delay_seconds = 0.1
        began = monotonic()
        writer.write(b"one\ntwo\n")
        assert [await reader.readline(), await reader.readline()] == [b"one\n", b"two\n"]
        assert monotonic() - began >= 0.2


async def test_while_cut_nothing_arrives_and_nothing_is_lost() -> None:
    async with echo_behind_proxy() as (proxy, reader, writer):
        writer.write(b"before\n")
        assert await reader.readline() == b"before\n"
        proxy.cut()
        writer.write(b"meanwhile\n")
        answer = asyncio.create_task(reader.readline())
        done, _ = await asyncio.wait([answer], timeout=0.3)
        assert not done
        proxy.mend()
        assert await asyncio.wait_for(answer, 5) == b"meanwhile\n"


async def test_the_end_of_one_side_is_the_end_of_the_other() -> None:
    async with echo_behind_proxy() as (_, reader, writer):
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
