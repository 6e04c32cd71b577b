"""The read model in Redis, asked: documents, and the totals of reports.  Reads only, and computes nothing anew.

How many partitions it has Redis says: the settings of whoever asks may be of another place, and then nobody is found.
Everything here raises `RedisError` or OSError while Redis is away.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.partitions import partition_of
from agents.settings import Settings
from agents.sinks.redis.keys import Keys, Kind, address, partitions_key
from streams.attribution import Cell, Contribution, Dimension, cell_of

TIMEOUT_SECONDS = 3.0


class SpoiltError(Exception):
    """Somebody wrote into the read model; the text says what to do."""


class UnwrittenError(Exception):
    """Redis does not say how many partitions there are, so nobody can be found; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What Redis has of one app."""

    client: Redis
    app_id: str
    partitions: int

    def document(self, kind: Kind, name: str) -> bytes | None:
        """Return the JSON of a person or an account; None: there is none."""
        raw = self.client.hget(self._home(name).document(kind, name), "doc")
        return raw if isinstance(raw, bytes) else None

    def accounts(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of those accounts that have one."""
        found = ((account, self.document(Kind.account, account)) for account in ids)
        return {account: json.loads(raw) for account, raw in found if raw is not None}

    def is_filled(self, kind: Kind, name: str) -> bool:
        """Tell whether anything at all was applied where a document would be."""
        return bool(self.client.exists(self._home(name).offset(kind)))

    def totals(self, dimensions: Collection[Dimension]) -> Contribution | None:
        """Sum the totals of all partitions in some dimensions; None: no contribution was ever applied.

        Each partition as of one moment, so that all dimensions have the same total.  Raises `SpoiltError`.
        """
        sums: Counter[Cell] = Counter()
        filled = 0
        for keys in (Keys(self.app_id, partition) for partition in range(self.partitions)):
            filled += int(self.client.exists(keys.offset(Kind.contribution)))
            sums.update(_cells(cast(dict[bytes, bytes], self.client.hgetall(keys.totals)), dimensions))
        return dict(sums) if filled else None

    def _home(self, name: str) -> Keys:
        return Keys(self.app_id, partition_of(name, self.partitions))


@contextmanager
def opened(settings: Settings) -> Iterator[ReadModel]:
    """Open the read model; raises `UnwrittenError`, `SpoiltError`, and ValueError for a URL that is none."""
    with _connected(settings) as client:
        yield ReadModel(client, settings.app_id, _partitions(client, settings))


def _partitions(client: Redis, settings: Settings) -> int:
    raw = cast(bytes | None, client.get(partitions_key(settings.app_id)))
    if raw is None:
        msg = (
            f"Redis at {address(settings.redis_url)} does not say how many partitions `{settings.app_id}` has: nothing"
            " of it was written there, or by an earlier release only. Start `touchline worker`, or fill it by"
            " `touchline views rebuild`; if one has run, look at TOUCHLINE_APP_ID and TOUCHLINE_REDIS_URL."
        )
        raise UnwrittenError(msg)
    if not raw.isdigit() or not int(raw):
        msg = "Redis has a number of partitions that is none: `touchline views rebuild` mends it."
        raise SpoiltError(msg)
    return int(raw)


def _connected(settings: Settings) -> Redis:
    """Client whose every call ends within `TIMEOUT_SECONDS`; raises ValueError for a URL that is none."""
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def away(settings: Settings, error: Exception) -> str:
    """Say that Redis does not answer, and what to look at."""
    return (
        f"No answer from Redis at {address(settings.redis_url)} ({type(error).__name__}):"
        " is it up, and TOUCHLINE_REDIS_URL right?"
    )


def _cells(stored: dict[bytes, bytes], dimensions: Collection[Dimension]) -> Contribution:
    """Read a partition's totals; what a later release added and this one does not know is in none of our reports."""
    cells: Contribution = {}
    for field, amount in stored.items():
        try:
            cell = cell_of(field.decode())
        except KeyError:
            continue
        if cell.dimension in dimensions:
            cells[cell] = _whole(amount)
    return cells


def _whole(amount: bytes) -> int:
    try:
        return int(amount)
    except ValueError:
        msg = "Redis has a total that is no whole number: `touchline views rebuild` mends it."
        raise SpoiltError(msg) from None
