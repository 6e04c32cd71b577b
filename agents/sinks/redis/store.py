"""The read model from Python: one partition batch, one call of a function inside Redis."""

from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple, cast

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from agents.sinks.redis.documents import Entry
from agents.sinks.redis.keys import Keys

TIMEOUT_SECONDS = 5.0
PAGE = 500
"""Keys asked for at once when all are walked."""

BODY = files("agents.sinks.redis").joinpath("read_model.lua").read_text("utf-8")
VERSION = sha256(BODY.encode()).hexdigest()[:12]
"""Of the text itself, so that two releases on one Redis each call their own and nobody forgets to raise it."""
LIBRARY = f"touchline_read_model_{VERSION}"
SCRIPT = f'#!lua name={LIBRARY}\nlocal VERSION = "{VERSION}"\n{BODY}'


class Gap(Exception):  # noqa: N818  # not an error of anyone: Redis was emptied, or went back to a snapshot
    """Redis has less than the caller had seen applied: begin again from the offset in Redis."""


class Applied(NamedTuple):
    """What a batch did."""

    offset: int
    """Now stored; larger than the batch's last when somebody else was here first."""
    changed: int
    """Documents written or deleted; the rest were known."""


def connect(url: SecretStr) -> Redis:
    """Client whose every call ends within `TIMEOUT_SECONDS`; raises ValueError for a URL that is none.

    It retries nothing by itself: those who use it say how often and how long.
    """
    return Redis.from_url(
        url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


class ReadModel:
    """Documents, lists and offsets of one app.  Every method raises `RedisError` while Redis is away."""

    def __init__(self, client: Redis, app_id: str) -> None:
        self._client = client
        self._app_id = app_id

    async def offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Offset up to which each partition is applied; -1: nothing is."""
        async with self._client.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.get(Keys(self._app_id, partition).offset)
            found = await pipe.execute()
        return {partition: -1 if raw is None else int(raw) for partition, raw in zip(partitions, found, strict=True)}

    async def apply(
        self, partition: int, entries: Iterable[Entry], *, after: int, last: int, repair: bool = False
    ) -> Applied:
        """Write the documents, and `last` as the partition's offset, at once.

        An entry below the offset of the stored document changes nothing; nor does one at it, except to `repair`.
        Raises `Gap`, and changes nothing, when Redis has less than `after`.
        """
        args: list[str | int | bytes] = [after, last, int(repair)]
        for entry in entries:
            args += (entry.person, entry.offset, entry.doc, entry.members)
        offset, changed = await self._call("apply", partition, args)
        if changed < 0:
            raise Gap
        return Applied(offset, changed)

    async def remove(self, partition: int, persons: Sequence[str], *, ceiling: int) -> int:
        """Delete those documents that are not newer than offset `ceiling`; return how many there were."""
        return int(await self._call("remove", partition, [ceiling, *persons]))

    async def prune(self, partition: int, segment: str, persons: Sequence[str]) -> int:
        """Take from the segment's list whoever has no document that says so; return how many there were."""
        return int(await self._call("prune", partition, [segment, *persons]))

    async def forget(self, partition: int) -> None:
        """Delete everything of a partition, the offset first, so that nobody goes on from it meanwhile."""
        keys = Keys(self._app_id, partition)
        await self._client.unlink(keys.offset)
        async for page in self._pages(f"{keys.base}*"):
            await self._client.unlink(*page)

    async def pages(self) -> AsyncIterator[list[str]]:
        """Yield all keys of the app, some at a time, in no order; one that comes or goes meanwhile may be missed."""
        async for page in self._pages(f"{self._app_id}:{{p*}}:*"):
            yield [key.decode("utf-8", "replace") for key in page]

    async def members(self, partition: int, segment: str) -> AsyncIterator[list[str]]:
        """Yield the segment's list, some at a time."""
        key = Keys(self._app_id, partition).members(segment)
        cursor: int | None = None
        while cursor != 0:
            cursor, page = await self._client.zscan(key, cursor or 0, count=PAGE)
            if page:
                yield [cast(bytes, person).decode() for person, _ in page]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pages(self, pattern: str) -> AsyncIterator[list[bytes]]:
        cursor: int | None = None
        while cursor != 0:
            cursor, page = await self._client.scan(cursor or 0, match=pattern, count=PAGE)
            if page:
                yield cast(list[bytes], page)

    async def _call(self, name: str, partition: int, args: Sequence[str | int | bytes]) -> Any:
        """Call a function; load the library first where Redis has none (new, restarted, emptied)."""
        function = f"touchline_{name}_{VERSION}"
        key = Keys(self._app_id, partition).offset
        try:
            return await self._client.fcall(function, 1, key, *args)
        except ResponseError as error:
            if "function not found" not in str(error).lower():
                raise
        await self._client.function_load(SCRIPT, replace=True)
        return await self._client.fcall(function, 1, key, *args)
