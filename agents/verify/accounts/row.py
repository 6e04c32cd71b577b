"""Verify, accounts.  Row: who belongs to an account, what is known of it, and what they hear (docs/accounts.md).

Parts 3 and 4.  In: messages of one account.  Kept: members, opportunities, the record's fields, what was told last.
Out: records of `user-events`.
"""

from dataclasses import dataclass, field
from typing import Any

from agents.verify.accounts.bare import bare
from agents.verify.accounts.references import Fields, References
from agents.verify.accounts.shares import shares
from agents.verify.accounts.state import MOST_TOLD, Money, Opportunities, state
from agents.verify.accounts.tells import Made, to_alias
from agents.verify.salesforce.ids import id_or_none
from agents.verify.texts import canonical

MOST_MEMBERS = 10_000
MOST_TOUCHES = 500


@dataclass(slots=True)
class Account:
    """One account."""

    id: str
    members: dict[str, None] = field(default_factory=dict)
    """Aliases, those that came first in front."""
    opportunities: Opportunities = field(default_factory=dict)
    roles: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """{opportunity: its roles}"""
    touches: dict[str, tuple[int, list[Any]]] = field(default_factory=dict)
    """{person: (number, what brought it)}"""
    shared: dict[str, int] = field(default_factory=dict)
    """What contacts were told last."""
    versions: dict[str, int] = field(default_factory=dict)
    """Of each alias and opportunity that was told."""
    fields: Fields | None = None
    """Of the record; None: none is known."""
    deleted: bool = False
    number: int = 0
    last: Fields | None = None
    """The state that was told last; None: it has none."""

    @property
    def owner(self) -> str | None:
        """The user whose account it is."""
        return id_or_none((self.fields or {}).get("OwnerId"))

    def state(self, references: References, way: Money, most: int) -> Fields | None:
        """Make the state; None: there is none."""
        if self.fields is None or self.deleted:
            return None
        made: Fields = bare(state(self.fields, self.opportunities, references, way, most))
        return made

    def membership(self, message: dict[str, Any]) -> dict[str, bool]:
        """Take a `membership` in; give {alias: whether it joined}, empty where nothing changes."""
        alias, joined = message["alias"], message.get("joined") is True
        full = joined and alias not in self.members and len(self.members) >= MOST_MEMBERS
        if full or not self._newer(alias, message["version"]) or joined == (alias in self.members):
            return {}
        if joined:
            self.members[alias] = None
        else:
            del self.members[alias]
        return {alias: joined}

    def opportunity(self, message: dict[str, Any]) -> None:
        """Take an `opportunity` in."""
        record, known = message["opportunity"], message.get("fields")
        if not self._newer(record, message["version"]):
            return
        self.opportunities.pop(record, None)
        self.roles[record] = message.get("roles") or []
        if known:
            self.opportunities[record] = known

    def brought(self, message: dict[str, Any]) -> None:
        """Take `touches` in: the latest list, with what was known before it is whole."""
        number, known = self.touches.get(message["person"], (0, []))
        if message["number"] > number:
            before = [touch for touch in known if touch[0] < message.get("since", 0)]
            self.touches[message["person"]] = message["number"], [*before, *message.get("touches", ())][-MOST_TOUCHES:]

    def won(self) -> list[Fields]:
        """List the fields of the won opportunities."""
        return [one for one in self.opportunities.values() if one.get("IsWon") is True]

    def shares(self, way: Money) -> dict[str, int]:
        """Give each contact with a role its share of ARR."""
        won = [(name, one) for name, one in self.opportunities.items() if one.get("IsWon") is True]
        return shares((way.arr(one), self.roles.get(name, [])) for name, one in won)

    def _newer(self, thing: str, version: int) -> bool:
        newer = version > self.versions.get(thing, 0)
        if newer:
            self.versions[thing] = version
        return newer

    def tell(self, moved: dict[str, bool], references: References, way: Money) -> list[Made]:
        """Tell who moved, and all members if the state is another."""
        now = self.state(references, way, MOST_TOLD)
        whom = dict(moved)
        if canonical(now) != canonical(self.last):
            whom |= dict.fromkeys(self.members, True)
        self.last = now
        shares, before = self.shares(way), self.shared
        self.shared = shares
        others = [one for one in {**shares, **before} if shares.get(one, 0) != before.get(one, 0)]
        self.number += bool(whom or others)
        told = [
            to_alias("account", alias, account=self.id, number=self.number, state=now if inside else None)
            for alias, inside in whom.items()
        ]
        return told + [
            to_alias("share", f"sf:{one}", account=self.id, number=self.number, arr=shares.get(one, 0))
            for one in others
        ]

    def line(self, change: dict[str, Any], once: str) -> list[Made]:
        """Tell all members of a change."""
        return [to_alias("told", alias, change=change, once=once) for alias in self.members]
