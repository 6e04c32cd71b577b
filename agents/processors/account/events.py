"""Account events: one partition of `account-events`, folded - records first, then what follows from them."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.processors.account.accounts import Accounts
from agents.processors.account.domains import Domains
from agents.processors.account.records import Records
from agents.processors.account.shelf import Shelf
from agents.processors.dead_letters import send_dead_letter
from agents.processors.out import Out
from agents.runtime.contract import Effects, Lane, Plain, Rows
from streams import topics
from streams.account.messages import (
    OBJECTS,
    Claim,
    CompanyKnown,
    DomainMember,
    Forgotten,
    Membership,
    Message,
    Opportunity,
    Reference,
    Role,
    Telling,
    Touches,
    decode_message,
    key_of,
)
from streams.account.news import news
from streams.events import Rejected, wrong_object
from streams.policy import Policy
from streams.salesforce.change import Change

STALE_AT_ONCE = 200
"""Accounts that are told by new rules in one transaction."""


class AccountEvents(Plain):
    """One partition of `account-events`."""

    def __init__(
        self,
        lane: Lane,
        rows: Rows,
        policy: Policy,
        *,
        partitions: int,
        observed: Callable[["Counter[str]", int], None],
    ) -> None:
        self._lane = lane
        self._partitions = partitions
        self._observed = observed
        self._shelf = Shelf(rows)
        self._records = Records(self._shelf)
        self._domains = Domains(self._shelf)
        self._accounts = Accounts(self._shelf, self._records, policy)
        self._stale = self._accounts.stale()

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects:
        """Fold each record, in order."""
        effects = Effects()
        rejected: Counter[str] = Counter()
        for source in batch:
            message = _decoded(source)
            if isinstance(message, Rejected):
                rejected[message.reason] += 1
                send_dead_letter(source, message, self._partitions, effects)
            else:
                self._take(message, Out(effects, self._lane, source.offset, self._partitions))
        return self._finished(effects, rejected)

    def idle(self, told_until: int) -> Effects | None:
        """Tell accounts anew whose rules changed."""
        if not self._stale:
            return None
        effects = Effects()
        due, self._stale = self._stale[:STALE_AT_ONCE], self._stale[STALE_AT_ONCE:]
        for account in due:
            self._accounts.renew(account, Out(effects, self._lane, -1, self._partitions))
        return self._finished(effects, Counter())

    def _take(self, message: Change | Message, out: Out) -> None:
        match message:
            case Change():
                self._change(message, out)
            case Membership():
                self._accounts.membership(message, out)
            case Opportunity():
                self._accounts.opportunity(message, out)
            case Touches():
                self._accounts.touches(message)
            case Telling():
                self._accounts.telling(message, out)
            case Reference():
                self._accounts.reference(message, out)
            case Role():
                self._records.role(message, out)
            case Claim():
                self._domains.claim(message, out)
            case DomainMember():
                self._domains.member(message, out)
            case CompanyKnown():
                self._domains.company(message, out)
            case Forgotten(alias=alias, domain=str(domain)):
                self._domains.forget(alias, domain, out)
            case Forgotten():
                self._records.forget(message.alias, out)

    def _change(self, change: Change, out: Out) -> None:
        changed = self._records.change(change, out)
        if changed is None:
            return
        out.accounts(news(changed))
        if change.object == "Account":
            self._accounts.changed(changed, out)
            self._accounts.merged(changed, change.at, out)

    def _finished(self, effects: Effects, rejected: "Counter[str]") -> Effects:
        for topic, documents in (
            (topics.SALESFORCE_RECORDS, self._records.known()),
            (topics.ACCOUNT_VIEWS, self._accounts.documents()),
            (topics.CONTRIBUTIONS, self._accounts.contributions()),
        ):
            for key, document in documents:
                effects.send(topic.name, self._lane.partition, key.encode(), document)
        effects.rows.update(self._shelf.taken())
        refused, self._accounts.refused = self._accounts.refused, 0
        effects.committed = lambda ends: self._observed(rejected, refused)
        return effects


def _decoded(source: ConsumerRecord) -> Change | Message | Rejected:
    try:
        message: Change | Message = decode_message(source.value or b"")
    except msgspec.MsgspecError as error:
        return Rejected("bad-record", f"account-events: {error}")
    if (name := wrong_object(message, OBJECTS)) is not None:
        return Rejected("bad-record", f"account-events: `{name}` is to be an object")
    key = key_of(message)
    if key == "" or source.key != (key.encode() if key is not None else None):
        return Rejected("bad-record", "account-events: the key is not that of the record's row")
    return message
