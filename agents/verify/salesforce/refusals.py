"""Verify, Salesforce.  Refusals: what of `salesforce-changes` had to be rejected, and whether it was."""

from collections import Counter
from hashlib import md5

import duckdb

from agents.verify.report import Check
from agents.verify.world import SALESFORCE_CHANGES, Message, World

REFUSED = f"""SELECT sp, so, p, o, reason, digest, key_hex, detail FROM rejected WHERE st = '{SALESFORCE_CHANGES}'
    ORDER BY p, o"""  # noqa: S608 - constants of this package


def compare(
    con: duckdb.DuckDBPyConnection, refused: dict[tuple[int, int], tuple[str, Message]], found: Check, world: World
) -> None:
    """Compare `rejected-events` with (reason, message) by partition and offset: each once, with reason and bytes."""
    seen: Counter[tuple[int, int]] = Counter()
    for sp, so, p, o, reason, digest, key_hex, detail in con.execute(REFUSED).fetchall():
        if so >= world.committed.get((SALESFORCE_CHANGES, sp), 0):
            continue
        seen[(sp, so)] += 1
        where, why = f"rejected-events/{p}/{o} of {SALESFORCE_CHANGES}/{sp}/{so}", refused.get((sp, so))
        if why is None:
            found.differs(where, "", f"is rejected as {reason}: it is not there, or says a change")
        elif reason != why[0]:
            found.differs(where, "", f"reason {reason} is to be {why[0]}")
        elif (digest, key_hex) != (_digest(why[1].value), None if why[1].key is None else why[1].key.hex()):
            found.differs(where, "", "the bytes or the key differ from those received")
        elif not detail:
            found.differs(where, "", "no detail")
    for (sp, so), (reason, _) in refused.items():
        if seen[(sp, so)] != 1:
            found.differs(
                f"{SALESFORCE_CHANGES}/{sp}/{so}", "", f"has to be rejected once, as {reason}; was {seen[(sp, so)]}"
            )


def _digest(value: bytes | None) -> str | None:
    return None if value is None else md5(value, usedforsecurity=False).hexdigest()
