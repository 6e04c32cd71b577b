"""Transactions: the changes of one source partition in; the same, a transaction at a time, in its order out.

Kept: the changes of the transaction that is still coming.  A transaction ends when another one begins, when something
comes that is of none, or when `close` says so.
"""

from typing import Final

import msgspec

from streams.events import Millis
from streams.salesforce.change import Change

HELD: Final = 5_000
HELD_BYTES: Final = 4 << 20
"""What is held at most.  A larger transaction is released in pieces, each in order."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """The transaction that is still coming: a row, one per source partition."""

    transaction: str = ""
    """Empty: none."""
    at: Millis | None = None
    """The instant with which a first piece of it was released; the rest has the same."""
    changes: tuple[Change, ...] = ()
    """In the order of their arrival."""
    bytes: int = 0
    """Size of the changes, packed."""


class Released(msgspec.Struct, frozen=True, gc=False):
    """What is held now, and what goes on."""

    held: Held
    changes: tuple[Change, ...] = ()


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Held).decode


def hold(prior: Held, change: Change) -> Released:
    """Take in one change.

    | change                    | held                        | goes on                            |
    |---------------------------|-----------------------------|------------------------------------|
    | of the same transaction   | it too                      | nothing; all, when it gets too much |
    | of another                | it alone                    | what was held                      |
    | of none (a snapshot)      | nothing                     | what was held, then it             |

    A snapshot overtakes nothing: what came before it goes before it.
    """
    if not change.transaction:
        before = close(prior)
        return Released(before.held, (*before.changes, change))
    goes_on = prior.transaction == change.transaction
    ended = () if goes_on else close(prior).changes
    held = prior if goes_on else Held(change.transaction)
    size = held.bytes + len(msgspec.msgpack.encode(change))
    held = Held(held.transaction, held.at, (*held.changes, change), size)
    if len(held.changes) < HELD and size < HELD_BYTES:
        return Released(held, ended)
    full = close(held)
    return Released(full.held, ended + full.changes)


def close(prior: Held) -> Released:
    """Release what is held: sorted by (sequence, record), each at the transaction's instant.

    That instant is the earliest of its commit timestamps, which may be a second apart.  What comes later of the same
    transaction gets it too.
    """
    if not prior.changes:
        return Released(prior)
    at = min(change.at for change in prior.changes) if prior.at is None else prior.at
    ordered = sorted(prior.changes, key=lambda change: (change.sequence, change.record))
    return Released(Held(prior.transaction, at), tuple(msgspec.structs.replace(change, at=at) for change in ordered))
