"""Verify, people.  Identity: which alias belongs to which, by the links and splits known (semantics, part 2)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from agents.verify.people.inputs import Link, Split, order_key

Tie = Link | Split
LINK, SPLIT = "link", "split"


@dataclass(frozen=True, slots=True)
class Move:
    """The owner of an alias changes."""

    alias: str
    former: str | None
    owner: str | None
    why: str
    """`link` or `split`."""


@dataclass(slots=True)
class Identity:
    """Who owns whom."""

    links: dict[str, dict[str, tuple[int, bytes]]] = field(default_factory=dict)
    """By alias and the other that it was said to be: the smallest (at, order key)."""
    splits: dict[str, tuple[int, bytes, bool]] = field(default_factory=dict)
    """By alias: the largest (at, order key, apart)."""
    owner: dict[str, str] = field(default_factory=dict)
    belongings: dict[str, set[str]] = field(default_factory=dict)
    """By alias: those whose owner it is."""

    def learn(self, ties: Collection[Tie]) -> list[Move]:
        """Take links and splits of one instant in; say whose owner changes by them.  `apply` makes it so."""
        links = [one for one in ties if isinstance(one, Link)]
        splits = [one for one in ties if isinstance(one, Split)]
        for link in links:
            self._link(link)
        by_links = {link.alias: self._choose(link.alias) for link in links}
        for split in splits:
            self._split(split)
        moves = []
        for alias in sorted({one.alias for one in ties}):
            former, owner = self.owner.get(alias), self._choose(alias)
            if owner != former:
                linked = alias in by_links and by_links[alias] != former
                moves.append(Move(alias, former, owner, LINK if linked else SPLIT))
        return moves

    def apply(self, moves: Iterable[Move]) -> None:
        """Let the owners change."""
        for one in moves:
            self.release(one.alias)
            if one.owner is not None:
                self.owner[one.alias] = one.owner
                self.belongings.setdefault(one.owner, set()).add(one.alias)

    def release(self, alias: str) -> None:
        """Take an alias from its owner."""
        former = self.owner.pop(alias, None)
        if former is not None:
            self.belongings[former].discard(alias)

    def chain(self, alias: str) -> list[str]:
        """Give the owner, the owner's owner, and so on."""
        found: list[str] = []
        while (owner := self.owner.get(found[-1] if found else alias)) is not None:
            found.append(owner)
        return found

    def root(self, alias: str) -> str:
        """Give the person that an alias belongs to; itself, if it has no owner."""
        return [alias, *self.chain(alias)][-1]

    def members(self, row: str) -> Iterator[str]:
        """Give a row's own alias and all that belong to it."""
        yield row
        for one in sorted(self.belongings.get(row, ())):
            yield from self.members(one)

    def _link(self, link: Link) -> None:
        said, rank = self.links.setdefault(link.alias, {}), (link.at, order_key(link.message_id))
        said[link.to] = min(rank, said.get(link.to, rank))

    def _split(self, split: Split) -> None:
        word = (split.at, order_key(split.message_id), split.apart)
        self.splits[split.alias] = max(word, self.splits.get(split.alias, word))

    def _choose(self, alias: str) -> str | None:
        """Choose the owner: none where a split says so, else whom the smallest link names."""
        if self.splits.get(alias, (0, b"", False))[2]:
            return None
        said = self.links.get(alias, {})
        return min(said, key=lambda to: (said[to], to), default=None)
