"""Room 1c.  Limits: who may send, how often, and how many bytes at once.  Pure: the caller tells the time."""

import hashlib
import hmac
import math
from collections.abc import Iterable


class WriteKeys:
    """The keys that senders may use."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in dict.fromkeys(keys)]

    def __len__(self) -> int:
        return len(self._digests)

    def find(self, candidate: str) -> int | None:
        """Give the place of a key, or None; in a time that says nothing about the keys."""
        digest = _digest(candidate)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return matches.index(True) if any(matches) else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


class RateLimit:
    """A token bucket for each sender: `per_second` tokens flow in, at most one second's worth is kept."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._full_at: dict[int, float] = {}
        """{sender: when its bucket will be full again}.  As many entries as write keys; absent: full."""

    def wait_seconds(self, sender: int, now: float) -> int:
        """Take a token: 0.  Where there is none: the whole seconds, at least 1, after which there will be one."""
        full_at = max(self._full_at.get(sender, now), now) + 1 / self._per_second
        short = full_at - now - 1.0
        if short > 1e-9:  # the sum of many 1/n is not exactly 1
            return math.ceil(short)
        self._full_at[sender] = full_at
        return 0


class Budget:
    """Bytes that may be held at once."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.held_bytes = 0

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False, and nothing reserved, where they don't fit."""
        if self.held_bytes + size > self._limit:
            return False
        self.held_bytes += size
        return True

    def give(self, size: int) -> None:
        """Return what `take` reserved."""
        self.held_bytes -= size
