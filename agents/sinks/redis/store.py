"""The read model from Python: one partition batch, one call of a function inside Redis."""

from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from json import loads
from typing import Any, NamedTuple, cast

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from agents.settings import Settings
from agents.sinks.redis.documents import Entry
from agents.sinks.redis.keys import Keys, Kind, partitions_key

TIMEOUT_SECONDS = 5.0
PAGE = 500
"""Keys asked for at once when all are walked."""

BODY = files("agents.sinks.redis").joinpath("read_model.lua").read_text("utf-8")
VERSION = sha256(BODY.encode()).hexdigest()[:12]
"""Of the text itself, so that two releases on one Redis each call their own and nobody forgets to raise it."""
LIBRARY = f"touchline_read_model_{VERSION}"
SCRIPT = f'#!lua name={LIBRARY}\nlocal VERSION = "{VERSION}"\n{BODY}'


BESIDE = {Kind.profile: ("members:*",), Kind.account: (), Kind.contribution: ("contributors", "totals")}
"""What else of a partition is made of documents of a kind."""


class Gap(Exception):  # noqa: N818  # not an error of anyone: Redis was emptied, or went back to a snapshot
    """Redis has less than the caller had seen applied: begin again from the offset in Redis."""


class OtherPartitionsError(Exception):
    """Redis has the documents of another number of partitions; the text has both, and what to do."""

    def __init__(self, recorded: str, partitions: int) -> None:
        super().__init__(
            f"Redis has a read model of {recorded} partitions, the topics have {partitions}:"
            " `touchline views rebuild` makes it anew."
        )
        self.recorded = recorded


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


async def recorded_partitions(settings: Settings) -> str | None:
    """Ask Redis once how many partitions the app's read model has; None: it does not say."""
    client = connect(settings.redis_url)
    try:
        return await ReadModel(client, settings.app_id).partitions()
    finally:
        await client.aclose()


class ReadModel:
    """Documents, lists, totals and offsets of one app.  Every method raises `RedisError` while Redis is away."""

    def __init__(self, client: Redis, app_id: str) -> None:
        self._client = client
        self._app_id = app_id

    async def partitions(self) -> str | None:
        """Return the recorded number of partitions as it stands there; None: there is none."""
        recorded = await self._client.get(partitions_key(self._app_id))
        return None if recorded is None else cast(bytes, recorded).decode("utf-8", "replace")

    async def agree(self, partitions: int) -> None:
        """Record the number of partitions where none is; raise `OtherPartitionsError` where it is another.

        It never changes by itself: with another one nobody would find what was written under the first.
        """
        recorded = await self._client.set(partitions_key(self._app_id), partitions, nx=True, get=True)
        if recorded is not None and recorded != str(partitions).encode():
            raise OtherPartitionsError(cast(bytes, recorded).decode("utf-8", "replace"), partitions)

    async def begin_anew(self, partitions: int) -> None:
        """Forget everything, then record the number of partitions: a sink of that number writes nothing before."""
        async for page in self._pages(f"{self._app_id}:{{p*}}:*"):
            await self._client.unlink(*page)
        await self._client.set(partitions_key(self._app_id), partitions)

    async def offsets(self, kind: Kind, partitions: Sequence[int]) -> dict[int, int]:
        """Offset up to which each partition is applied; -1: nothing is."""
        async with self._client.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.get(Keys(self._app_id, partition).offset(kind))
            found = await pipe.execute()
        return {partition: -1 if raw is None else int(raw) for partition, raw in zip(partitions, found, strict=True)}

    async def apply(
        self, kind: Kind, partition: int, entries: Iterable[Entry], *, after: int, last: int, repair: bool = False
    ) -> Applied:
        """Write the documents, and `last` as the partition's offset, at once.

        An entry below the offset of the stored document changes nothing; nor does one at it, except to `repair`.
        Raises `Gap`, and changes nothing, when Redis has less than `after`.
        """
        args: list[str | int | bytes] = [after, last, int(repair)]
        for entry in entries:
            args += (entry.name, entry.offset, entry.doc, entry.members)
        offset, changed = await self._call("apply", kind, partition, args)
        if changed < 0:
            raise Gap
        return Applied(offset, changed)

    async def remove(self, kind: Kind, partition: int, names: Sequence[str], *, ceiling: int) -> int:
        """Delete those documents that are not newer than offset `ceiling`; return how many there were."""
        return int(await self._call("remove", kind, partition, [ceiling, *names]))

    async def prune(self, partition: int, segment: str, persons: Sequence[str]) -> int:
        """Take from the segment's list whoever has no document that says so; return how many there were."""
        return int(await self._call("prune", Kind.profile, partition, [segment, *persons]))

    async def forget(self, kind: Kind, partition: int) -> None:
        """Delete all of a kind in a partition, the offset first, so that nobody goes on from it meanwhile."""
        keys = Keys(self._app_id, partition)
        await self._client.unlink(keys.offset(kind))
        for pattern in (f"{kind}:*", *BESIDE[kind]):
            async for page in self._pages(keys.base + pattern):
                await self._client.unlink(*page)

    async def contributions(self, partition: int) -> AsyncIterator[dict[str, int]]:
        """Yield {cell: amount} of each contribution of a partition, in no order."""
        keys = Keys(self._app_id, partition)
        cursor: int | None = None
        seen: set[bytes] = set()
        while cursor != 0:
            cursor, page = await self._client.sscan(keys.contributors, cursor or 0, count=PAGE)
            new = cast(set[bytes], set(page)) - seen  # Redis may give a name twice
            seen |= new
            for doc in await self._documents(keys.document(Kind.contribution, name.decode()) for name in new):
                yield {field: int(amount) for field, amount in loads(doc).items()}

    async def totals(self, partition: int) -> dict[str, str]:
        """Return what is stored, whole numbers or not."""
        found = cast(dict[bytes, bytes], await self._client.hgetall(Keys(self._app_id, partition).totals))
        return {field.decode("utf-8", "replace"): amount.decode("utf-8", "replace") for field, amount in found.items()}

    async def mend(self, partition: int, totals: dict[str, int], *, at: int) -> bool:
        """Set totals (0: none) if the contributions are those of offset `at`; else do nothing, and return False."""
        args = [part for field, amount in totals.items() for part in (field, amount)]
        return bool(await self._call("mend", Kind.contribution, partition, [at, *args]))

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

    async def _documents(self, keys: Iterable[str]) -> list[bytes]:
        async with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hget(key, "doc")
            return [doc for doc in await pipe.execute() if doc is not None]

    async def _call(self, name: str, kind: Kind, partition: int, args: Sequence[str | int | bytes]) -> Any:
        """Call a function; load the library first where Redis has none (new, restarted, emptied)."""
        function = f"touchline_{name}_{VERSION}"
        key = Keys(self._app_id, partition).offset(kind)
        try:
            return await self._client.fcall(function, 1, key, *args)
        except ResponseError as error:
            if "function not found" not in str(error).lower():
                raise
        await self._client.function_load(SCRIPT, replace=True)
        return await self._client.fcall(function, 1, key, *args)
