"""Room 6.  Profile: `apply` folds one record into a row, `advance` lets time pass.

Read state, journey, keeping, membership, persona, steps, in this order.
"""

from streams.profile.keeping import SPARE_MS, expire
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
    "apply",
    "due",
    "expire",
    "pack",
    "pack_moved",
    "unpack",
    "unpack_moved",
]
