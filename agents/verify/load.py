"""Verify, room 3.  Load: a world into DuckDB, one table `message`, through a file of JSON lines."""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import orjson

from agents.verify.world import TOPICS, WEB_EVENTS, Message, World

COLUMNS = {
    "topic": "VARCHAR",
    "p": "INTEGER",
    "o": "BIGINT",
    "ts": "BIGINT",
    "key": "VARCHAR",
    "key_hex": "VARCHAR",
    "value": "VARCHAR",
    "shape": "VARCHAR",
    "size": "BIGINT",
    "digest": "VARCHAR",
    "headers": "JSON",
}
"""`key`, `value`: text, null where there is none or it is no UTF-8.  `shape`: see `shape_of`.  `digest`: MD5 of the
value's bytes."""

LARGEST_LINE = 16 << 20
DEEP = 64
"""Objects and arrays in one another that are still allowed."""
COUNTED_OTHERWISE = 2
"""Levels by which another way to count may differ."""
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
KEEP_TEXT = 1 << 20
ONE_THREAD = 10_000
"""Messages up to which threads cost more than they bring."""


def load(world: World, tick: Callable[[int], None] = lambda _: None) -> duckdb.DuckDBPyConnection:
    """Make a database in memory with tables `message` (all topics) and `done` (committed offsets of the inputs).

    `tick` is told the number of messages written so far, now and then.
    """
    few = sum(map(len, world.topics.values())) < ONE_THREAD
    con = duckdb.connect(config={"threads": 1} if few else {})
    con.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    with tempfile.TemporaryDirectory(prefix="touchline-verify-") as folder:
        path = Path(folder) / "messages.ndjson"
        _write(world, path, tick)
        con.execute(
            f"CREATE TABLE message AS SELECT * FROM read_json(?, format = 'newline_delimited', columns = {COLUMNS},"
            f" maximum_object_size = {LARGEST_LINE})",
            [str(path)],
        )
    con.execute("CREATE TABLE done (topic VARCHAR, p INTEGER, o BIGINT)")
    rows = [(topic, partition, offset) for (topic, partition), offset in world.committed.items()]
    if rows:
        con.executemany("INSERT INTO done VALUES (?, ?, ?)", rows)
    return con


def _write(world: World, path: Path, tick: Callable[[int], None]) -> None:
    with path.open("wb") as file:
        for number, row in enumerate(_rows(world)):
            file.write(orjson.dumps(row) + b"\n")
            if number % 5000 == 0:
                tick(number)


def _rows(world: World) -> Iterator[dict[str, Any]]:
    for topic in TOPICS:
        for message in world.topics.get(topic, ()):
            yield _row(topic, message)


def _row(topic: str, message: Message) -> dict[str, Any]:
    value, key = message.value, message.key
    text = _text(value)
    shape = shape_of(value, text) if topic == WEB_EVENTS else ""
    return {
        "topic": topic,
        "p": message.partition,
        "o": message.offset,
        "ts": message.timestamp,
        "key": _text(key),
        "key_hex": None if key is None else key.hex(),
        "value": text if topic != WEB_EVENTS or (shape in ("json", "odd") and len(text or "") < KEEP_TEXT) else None,
        "shape": shape,
        "size": len(value or b""),
        "digest": None if value is None else md5(value, usedforsecurity=False).hexdigest(),
        "headers": {name: content.decode("utf-8", "replace") for name, content in message.headers},
    }


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


def shape_of(value: bytes | None, text: str | None) -> str:
    """Tell what kind of bytes a web event is.

    | shape      | bytes                                                                |
    |------------|----------------------------------------------------------------------|
    | `empty`    | none                                                                 |
    | `not-utf8` | no UTF-8                                                             |
    | `too-deep` | objects and arrays more than 64 deep; where counts may differ, `odd` |
    | `not-json` | no JSON document                                                     |
    | `odd`      | JSON on which parsers disagree: half surrogates, repeated keys, NUL   |
    | `json`     | JSON                                                                 |
    """
    if not value:
        return "empty"
    if text is None:
        return "not-utf8"
    deep = value.count(b"[") + value.count(b"{") >= DEEP and depth_of(value)
    if deep > DEEP + COUNTED_OTHERWISE:
        return "too-deep"
    try:
        pairs = _Pairs()
        json.loads(text, parse_constant=_refuse, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return "not-json"
    odd = (
        deep > DEEP - COUNTED_OTHERWISE
        or pairs.repeated
        or "\\u0000" in text
        or "\\ud" in text.lower()
        or text.startswith("\ufeff")
    )
    return "odd" if odd else "json"


class _Pairs:
    def __init__(self) -> None:
        self.repeated = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
            self.repeated = True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def depth_of(value: bytes) -> int:
    """Count how deep objects and arrays stand in one another."""
    depth = deepest = 0
    for byte in STRING.sub(b"", value):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
