"""What a reconciliation says of each object: what was compared, what was left out and why, what differed.  Pure.

Whatever was not compared may differ: "no drift" is said only where something was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

SETTLED_MS = 600_000
"""What changed later than this before the comparison may still be on its way; it is left to the next one."""
LATELY = f"in the last {SETTLED_MS // 60_000} minutes"
REASONS = {
    "changed_lately": f"changed {LATELY}, may still be on the way",
    "deleted_lately": f"deleted {LATELY}, may still be on the way",
    "heard_of_lately": f"heard of {LATELY}, not in the org's answer yet",
    "forgotten": "of people who are forgotten, nothing is kept of them",
    "no_backfill": "not read yet: `touchline salesforce sync` does that first",
    "no_worker": "nothing known yet: no worker has written salesforce-records",
}
"""{why records are left out: in words}."""
NOTHING = "nothing compared"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the comparison of one object."""

    object: str
    known: int = 0
    """Living records that we know."""
    actual: int | None = 0
    """Living records of the org; None: it does not say."""
    compared: int = 0
    """Records that live on either side, and were compared."""
    left_out: dict[str, int] = field(default_factory=dict)
    """{reason: records} of the others; reasons are those of `REASONS`."""
    drift: dict[str, int] = field(default_factory=dict)
    """{kind: records}; all of them were published anew."""
    refused: str = ""
    """What the org said in place of the records; empty: it gave them."""

    @property
    def differing(self) -> str:
        """`1 missing, 2 stale`; `none` only where something was compared."""
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.drift.items())
        return counts or ("none" if self.compared else NOTHING)

    @property
    def why(self) -> str:
        """Why something, or all, was not compared; empty: all was."""
        if self.refused:
            return f"not readable: {self.refused}"
        if self.left_out:
            return "left out: " + "; ".join(f"{count:,} {REASONS[each]}" for each, count in self.left_out.items())
        return "" if self.compared else "there are no records on either side"

    @property
    def line(self) -> str:
        """All of it in a line of the sync's log."""
        compared = f"{self.compared:,} compared, drift: {self.differing}" if self.compared else NOTHING
        return "; ".join(part for part in (f"{self.object}: {compared}", self.why) if part)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it; `drift` is null where nothing was compared."""
        return asdict(self) | {"drift": self.drift if self.compared else None, "note": self.why}


def table(reports: Iterable[Report]) -> Iterator[str]:
    """Make a table that fits 80 columns, each line of it followed by why something is left out."""
    yield f"{'object':24} {'in the org':>10} {'known':>10} {'compared':>10} {'left out':>10}  drift"
    for report in reports:
        actual = "?" if report.actual is None else f"{report.actual:,}"
        left_out = "?" if report.actual is None else f"{sum(report.left_out.values()):,}"
        yield (
            f"{report.object:24} {actual:>10} {report.known:>10,} {report.compared:>10,} {left_out:>10}"
            f"  {report.differing}"
        )
        if report.why:
            yield f"  {report.why}"
