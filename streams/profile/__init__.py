"""Room 6.  Profile: `apply` folds one record into a row, `advance` lets time pass.

Read state, journey, keeping, membership, persona, forgetting, steps, in this order.
"""

from streams.profile.forgetting import answer, gone_key, needs_a_row
from streams.profile.keeping import SPARE_MS, expire, stored_bytes
from streams.profile.state import (
    NEVER,
    Announcement,
    Attached,
    Profile,
    Step,
    due,
    pack,
    pack_moved,
    unpack,
    unpack_moved,
)
from streams.profile.steps import LINKS_AT_MOST, advance, apply

__all__ = [
    "LINKS_AT_MOST",
    "NEVER",
    "SPARE_MS",
    "Announcement",
    "Attached",
    "Profile",
    "Step",
    "advance",
    "answer",
    "apply",
    "due",
    "expire",
    "gone_key",
    "needs_a_row",
    "pack",
    "pack_moved",
    "stored_bytes",
    "unpack",
    "unpack_moved",
]
