"""Org: the random Salesforce org of `verify`'s tests, whose contacts and leads have the addresses of the load's users.

In: a seed and the addresses.  Out: messages of `salesforce-changes` in every shape - transactions, gaps, snapshots,
merges, conversions - some late, doubled or broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from agents.verify.world import Message
from tests.agents.verify.salesforce import PAUSES_MS, Org

MESSAGES_A_STEP = 2.1
"""A transaction makes so many, about."""
PAUSE_EVERY = 5
"""Of so many transactions one comes after a long pause: the others are seconds or minutes apart, if there is time."""


@dataclass
class CompanyOrg(Org):
    """An org that knows the company's people."""

    addresses: Sequence[str] = ()
    pause_ms: int = 0
    now: int = field(default=0, kw_only=True)

    def transaction(self) -> None:
        if self.number % PAUSE_EVERY == 0:
            self.now += self.pause_ms
        super().transaction()

    def merge(self, record: str, transaction: str, sequence: int) -> None:
        """Merge into a record that itself never is: nobody merges ten records into one another in a row."""
        winners = [one for one in self.records if self.objects[one] == self.objects[record] and _stays(one)]
        if _stays(record) or not winners:
            self.update(record, transaction, sequence)
            return
        self.delete(record, transaction, sequence)
        self.records[record]["MasterRecordId"] = self.rng.choice(winners)
        self.now += 1000
        self.snapshot(record)

    def address(self) -> str | None:
        one = self.rng.choice(self.addresses)
        return self.rng.choice([one, one, one.upper(), "support@example.com", None])


def _stays(record: str) -> bool:
    """Say whether a record is never merged into another one: each second one, as they were made."""
    return int(record[7:15]) % 2 == 0


def messages(
    seed: int, partitions: int, addresses: Sequence[str], count: int, begin_ms: int, end_ms: int
) -> list[Message]:
    """Return about `count` messages, at least one, with timestamps from `begin_ms` to about `end_ms`.

    Half of the time at least is long pauses.  Kafka takes nothing that is more than an hour ahead of it.
    """
    steps = max(1, round(count / MESSAGES_A_STEP))
    short_ms = steps * mean(PAUSES_MS)
    share = min(1.0, (end_ms - begin_ms) / 2 / short_ms)
    pauses_ms = [int(one * share) for one in PAUSES_MS]
    pause_ms = int(end_ms - begin_ms - share * short_ms) * PAUSE_EVERY // (steps + PAUSE_EVERY)
    org = CompanyOrg(
        seed,
        partitions,
        len(addresses),
        addresses=addresses,
        pause_ms=pause_ms,
        pauses_ms=pauses_ms,
        now=begin_ms,
    )
    return org.messages(steps)
