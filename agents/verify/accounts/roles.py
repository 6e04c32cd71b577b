"""Verify, accounts.  Roles: who plays which part at an opportunity's row (docs/accounts.md, part 2)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RoleRow:
    """The roles of one opportunity."""

    latest: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """By role: version and what is said; empty: it is no role of this opportunity."""

    def take(self, message: dict[str, Any]) -> bool:
        """Take a `role` in; say whether that changes what `listed` says."""
        before, record = self.listed(), message["role"]
        if message["version"] <= self.latest.get(record, (0,))[0]:
            return False
        said = {
            "contact": message.get("contact"),
            "name": message.get("name"),
            "primary": message.get("primary") is True,
        }
        self.latest[record] = (message["version"], said if said["contact"] else {})
        return self.listed() != before

    def listed(self) -> list[dict[str, Any]]:
        """Give the roles that have a contact, by id of the role."""
        return [said for _, (_, said) in sorted(self.latest.items()) if said]
