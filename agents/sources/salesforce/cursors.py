"""Cursors: how far each object is, as values.  They live on `salesforce-cursors`, beside the records they speak of."""

from typing import TypeAlias

import msgspec

from agents.sources.salesforce.records import Why

STAGES_KEY = "OpportunityStage.types"
"""Key of which stages count as won and closed."""
CLAIM_KEY = "sync.claim"
"""Key of the name of the sync that has started last."""
NO_CURSORS = {STAGES_KEY, CLAIM_KEY}

Stages: TypeAlias = dict[str, tuple[bool, bool]]
"""{stage: (won, closed)}."""


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How far one object is.  A new one has everything before it."""

    complete: bool = False
    """Whether every record has been published once; then it is polled."""
    why: Why = "backfill"
    """What the reading is for until it is complete: backfill, or resync after an overflow."""
    at: int = 0
    """SystemModstamp of the last record published, milliseconds; 0: none."""
    id: str = ""
    """Its id: several records may have one instant."""
    windows_at: int = 0
    """Up to where getUpdated and getDeleted have been asked, milliseconds; 0: never."""
    began_at: int = 0
    """When the reading began; what changed later is for polling."""
    compared_at: int = 0
    """When the last reconciliation was, milliseconds; 0: none yet."""
    job: str = ""
    """The Bulk job under way; empty: none."""
    locator: str = ""
    """Where its next results are; empty: at the beginning."""


encode = msgspec.json.Encoder().encode
decode_cursor = msgspec.json.Decoder(Cursor).decode
decode_stages = msgspec.json.Decoder(Stages).decode


def restarted(cursor: Cursor, why: Why) -> Cursor:
    """Read the whole object again; windows and reconciliation go on where they are."""
    return Cursor(why=why, windows_at=cursor.windows_at, compared_at=cursor.compared_at)
