"""Verify, people.  Inputs: what was accepted, each with the instant at which it was received (semantics, part 0)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PADDED_AT_MOST, KEY_BYTES = 15, 16


def order_key(message_id: str) -> bytes:
    """Give the 16 bytes that order events of one millisecond and find duplicates (semantics, part 1)."""
    if UUID.fullmatch(message_id):
        return bytes.fromhex(message_id.replace("-", ""))
    data = message_id.encode()
    if len(data) <= PADDED_AT_MOST:
        return data.ljust(KEY_BYTES, b"\0")
    return md5(data, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery of an event; `received_at` is the one that counts, a straggler's is later than its own."""

    alias: str
    """That it happened to."""
    message_id: str
    at: int
    received_at: int
    name: str = ""
    visit: bool = False
    source: Mapping[str, Any] | None = None
    """Of a visit; None: it continues."""
    email: str | None = None
    full_name: str | None = None
    bot: bool = False
    key: bytes = field(init=False)
    """Order key."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", order_key(self.message_id))

    @property
    def campaign(self) -> str:
        """Campaign of its source; empty: none."""
        return str((self.source or {}).get("campaign") or "")


@dataclass(frozen=True, slots=True)
class Link:
    """An event said that an alias is a stronger one's."""

    alias: str
    to: str
    message_id: str
    at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Split:
    """An operator's word on an alias: it stands alone (`apart`), or its links count again."""

    alias: str
    apart: bool
    message_id: str
    at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Forget:
    """An operator's word on an alias: forget the person that it belongs to."""

    alias: str
    received_at: int


Input = Event | Link | Split | Forget
