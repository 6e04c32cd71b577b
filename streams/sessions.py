"""Room 3b.  Sessions: visits by (instant, order key) become sessions, and sessions become touches.

In: the visits of a person, from all parts.  Kept: where the fold stands.  Out: last touch, last non-direct touch.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from streams.activity import Touch
from streams.events import Millis, Source
from streams.policy import Web

DIRECT = "Direct"
Visit: TypeAlias = tuple[Millis, bytes, Source | None]
"""Instant, order key, and where it came from; None: it continues."""


class Session(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The session that the fold is in."""

    began_at: Millis
    last_at: Millis
    campaign: str | None


class Fold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What all visits up to `last` come to."""

    session: Session | None = None
    """None: no visit yet."""
    key: bytes = b""
    """Order key of the latest visit; with `session.last_at` it tells whether another one comes after it."""
    last: Touch | None = None
    last_non_direct: Touch | None = None

    def follows(self, at: Millis, key: bytes) -> bool:
        """Say whether a visit comes after all that were folded."""
        return self.session is None or (at, key) > (self.session.last_at, self.key)

    def begins(self, at: Millis, source: Source | None, web: Web) -> bool:
        """Say whether the next visit begins a session; when: see `visit`."""
        session = self.session
        if session is None or at - session.last_at >= web.idle_ms or at - session.began_at >= web.longest_ms:
            return True
        campaign = source.campaign if source is not None else None
        return web.new_session_on_campaign and campaign is not None and campaign != session.campaign

    def visit(self, at: Millis, key: bytes, source: Source | None, web: Web) -> "Fold":
        """Fold the next visit.

        | since the last visit | since the session began | campaign               | begins a session |
        |----------------------|-------------------------|------------------------|------------------|
        | >= idle              | any                     | any                    | yes              |
        | <  idle              | >= longest              | any                    | yes              |
        | <  idle              | <  longest              | another than session's | yes (setting)    |
        | otherwise            |                         |                        | no               |

        A session that a continuing visit (own site, gateway) begins has no touch.
        """
        session = self.session
        if session is not None and not self.begins(at, source, web):
            return Fold(Session(session.began_at, at, session.campaign), key, self.last, self.last_non_direct)
        begun = Session(at, at, source.campaign if source is not None else None)
        if source is None:
            return Fold(begun, key, self.last, self.last_non_direct)
        touch = Touch(at, key, source)
        return Fold(begun, key, touch, self.last_non_direct if source.channel == DIRECT else touch)

    def begun(self, visits: Iterable[Visit], web: Web) -> Iterator[Visit]:
        """Yield the visits that begin a session, of those that come after all that were folded; sorted here."""
        fold = self
        for at, key, source in sorted(visits, key=_order):
            if fold.begins(at, source, web):
                yield at, key, source
            fold = fold.visit(at, key, source, web)

    def visits(self, visits: Iterable[Visit], web: Web) -> "Fold":
        """Fold visits that come after all that were folded; they are sorted here."""
        fold = self
        for at, key, source in sorted(visits, key=_order):
            fold = fold.visit(at, key, source, web)
        return fold


class Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fold of visits that are no longer kept, or no longer looked at."""

    to: Millis = -1
    """Visits at this instant or before are in the fold or were too late for it."""
    fold: Fold = Fold()


def later(one: Touch | None, other: Touch | None) -> Touch | None:
    """Of two touches return the later by (at, order key)."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda touch: (touch.at, touch.key))


def earlier(one: Touch | None, other: Touch | None) -> Touch | None:
    """Of two touches return the earlier by (at, order key)."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda touch: (touch.at, touch.key))


def _order(visit: Visit) -> tuple[Millis, bytes]:
    return visit[0], visit[1]
