"""Ahead: how much a source lane has brought that others have not dealt with yet.

What it brings is held in memory by the lanes of people until the slowest source has come as far, and until they have
taken in what came before.  So a lane that has brought much waits for both.
"""

from collections import deque

from streams.events import Millis
from streams.progress import UNKNOWN


class Ahead:
    """The latest transactions of a source lane: records, and the tick that each ended with."""

    def __init__(self, most_records: int) -> None:
        self._most = most_records
        self._transactions: deque[tuple[Millis, int]] = deque()
        self._records = 0
        """Of all but the first one."""

    def add(self, tick: Millis, records: int) -> None:
        """Note a transaction.  As many are kept as are needed to tell what lies at least `most_records` back."""
        self._transactions.append((tick, records))
        if len(self._transactions) > 1:
            self._records += records
        while len(self._transactions) > 1 and self._records - self._transactions[1][1] >= self._most:
            self._transactions.popleft()
            self._records -= self._transactions[0][1]

    @property
    def due(self) -> Millis:
        """The instant up to which others have to have come before more is brought; `UNKNOWN`: it is not so much."""
        return self._transactions[0][0] if self._records >= self._most else UNKNOWN
