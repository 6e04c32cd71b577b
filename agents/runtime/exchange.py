"""Exchange: what the lanes of this process say of their progress, for one another and for those of other workers.

All of it is true for good and said after the commit that made it true, so that it needs no transaction: it may come
twice, late, or from a worker that has died.
"""

import asyncio

from streams.progress import Board, Progress, Said


class Exchange:
    """A board that this process writes and reads; `gossip.py` joins it with those of other workers."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.changed = asyncio.Event()
        """Set when lanes may be able to go on."""
        self.unsent: dict[str, Said] = {}
        """{what it replaces: what other workers have still to hear}, in the order in which it was said."""
        self.progress: dict[str, Progress] = {}
        """{lane of this process: how far it is}, whether anybody waits for it or not."""

    def tell(self, said: Said, key: str, *, to_all: bool) -> None:
        """Say something; `to_all`: other workers may be waiting for it."""
        if isinstance(said, Progress):
            self.progress[key] = said
        if self.board.hear(said):
            self.changed.set()
        if to_all:
            self.pass_on(said, key)

    def pass_on(self, said: Said, key: str) -> None:
        """Have other workers hear something, after all that was said before it.

        Else they could hear that a lane has taken something in, but not yet what it sent because of it.  The lanes of
        this worker hear it, too, once Kafka has it.
        """
        self.unsent.pop(key, None)
        self.unsent[key] = said
        self.changed.set()

    def let_go(self, lane: str) -> None:
        """Another worker speaks for a lane from now on."""
        self.progress.pop(lane, None)

    def hear(self, said: Said) -> None:
        """Take in what another worker says."""
        if self.board.hear(said):
            self.changed.set()
