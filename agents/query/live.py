"""The read model in Redis, asked: documents, and the totals of reports.  Reads only, and computes nothing anew.

Every function raises `RedisError` or OSError while Redis is away.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.partitions import partition_of
from agents.settings import Settings
from agents.sinks.redis.keys import Keys, Kind, address
from streams.attribution import Cell, Contribution, Dimension, cell_of

TIMEOUT_SECONDS = 3.0


class SpoiltError(Exception):
    """Somebody wrote into the totals; the text says what to do."""


def connect(settings: Settings) -> Redis:
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


def document(client: Redis, settings: Settings, kind: Kind, name: str) -> bytes | None:
    """Return the JSON of a person or an account; None: there is none."""
    keys = Keys(settings.app_id, partition_of(name, settings.partitions))
    raw = client.hget(keys.document(kind, name), "doc")
    return raw if isinstance(raw, bytes) else None


def accounts(client: Redis, settings: Settings, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the documents of those accounts that have one."""
    found = ((account, document(client, settings, Kind.account, account)) for account in ids)
    return {account: json.loads(raw) for account, raw in found if raw is not None}


def totals(client: Redis, settings: Settings, dimensions: Collection[Dimension]) -> Contribution | None:
    """Sum the totals of all partitions in some dimensions; None: no contribution was ever applied.

    Each partition as of one moment, so that all dimensions have the same total.  Raises `SpoiltError`.
    """
    sums: Counter[Cell] = Counter()
    filled = 0
    for keys in (Keys(settings.app_id, partition) for partition in range(settings.partitions)):
        filled += int(client.exists(keys.offset(Kind.contribution)))
        sums.update(_cells(cast(dict[bytes, bytes], client.hgetall(keys.totals)), dimensions))
    return dict(sums) if filled else None


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
