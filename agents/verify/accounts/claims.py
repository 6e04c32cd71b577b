"""Verify, accounts.  Claims: the row of a domain, its members and its holder (docs/accounts.md, part 3)."""

from dataclasses import dataclass, field
from typing import Any

from agents.verify.accounts.tells import Made, member
from agents.verify.world import USER_EVENTS


@dataclass(slots=True)
class Domain:
    """One domain."""

    members: list[str] = field(default_factory=list)
    claims: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """By account: version and `created_at`; None: it claims the domain no more."""
    turns: int = 0
    company: dict[str, Any] = field(default_factory=dict)
    """What is known of it; empty: nothing."""
    told: int = 0
    """How often that was something else."""

    @property
    def holder(self) -> str | None:
        """The account whose members these are."""
        return min(
            ((created_at, account) for account, (_, created_at) in self.claims.items() if created_at is not None),
            default=(0, None),
        )[1]

    def claim(self, message: dict[str, Any]) -> list[Made]:
        """Take a `claim` in."""
        before, account = self.holder, message["account"]
        if message["version"] <= self.claims.get(account, (0,))[0]:
            return []
        self.claims[account] = (message["version"], message.get("created_at"))
        if self.holder == before:
            return []
        self.turns += 1
        return [
            member(alias, one, self.turns, joined=joined)
            for alias in self.members
            for one, joined in ((before, False), (self.holder, True))
            if one is not None
        ]

    def join(self, message: dict[str, Any]) -> list[Made]:
        """Take a `domain-member` in."""
        alias, domain = message["alias"], message["domain"]
        if alias in self.members:
            return []
        self.members.append(alias)
        joined = [member(alias, self.holder, self.turns, joined=True)] if self.holder is not None else []
        return joined + ([self._state(domain, alias)] if self.company else [])

    def leave(self, alias: str) -> list[Made]:
        """Take a `forgotten` in."""
        if alias not in self.members:
            return []
        self.members.remove(alias)
        if self.holder is None:
            return []
        self.turns += 1
        return [member(alias, self.holder, self.turns, joined=False)]

    def know(self, message: dict[str, Any]) -> list[Made]:
        """Take a `company` in."""
        known = message.get("fields", {})
        if known == self.company:
            return []
        self.company, self.told = known, self.told + 1
        return [self._state(message["domain"], alias) for alias in self.members]

    def _state(self, domain: str, alias: str) -> Made:
        value = {"kind": "account", "alias": alias, "account": f"domain:{domain}", "number": self.told}
        return Made(USER_EVENTS, alias, value | ({"state": self.company} if self.company else {}))
