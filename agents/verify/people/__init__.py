"""Verify, the room of people: who they are and what was decided about them, by definition, from the inputs alone.

    recount(inputs, rules, until, *, eras=None, known=None, spared=None) -> Recount

In: `inputs`, any iterable of accepted `Event`, `Link`, `Split`, `Forget`, in any order, each with the `received_at`
that counts; `rules` (`agents.verify.rules.parse` reads a rules document); `until`, up to and with which inputs are
taken in and decisions made (beyond the last input only time passes).  `eras(person)` gives `Era(rules, since)`, rising,
where rules changed; `known` the `Standing` in which eras without rules left people.

Out: `Recount.people` by person, each an `Outcome`: `changes` (`Change`), `decisions` (`Decision`: gates, and the
`Portrait` of that moment; `asked` ones are triggers), `withdrawals`, `segments`, `asks`, `aliases`, `portrait` (email,
name, touches), `sessions`, `instants`, `counts(at)`, `signed_up`, `decided_at`, `forgotten_at`; and by alias `owner`,
`said`, `gone`, `received`.

No Kafka, no DuckDB, no clock.  Of Salesforce nothing: its parts hold no events, so it decides nothing here.
Read in order: `inputs`, `outcome`, `parts`, `identity`, `sessions`, `rows`, `truth`, `walk`, `fold`.
"""

from agents.verify.people.fold import recount
from agents.verify.people.inputs import Event, Forget, Input, Link, Split, order_key
from agents.verify.people.outcome import (
    EVER,
    Asked,
    Change,
    Decision,
    Era,
    Membership,
    Outcome,
    Portrait,
    Recount,
    Session,
    Standing,
    Touch,
    Withdrawal,
)

__all__ = [
    "EVER", "Asked", "Change", "Decision", "Era", "Event", "Forget", "Input", "Link", "Membership", "Outcome",
    "Portrait", "Recount", "Session", "Split", "Standing", "Touch", "Withdrawal", "order_key", "recount",
]  # fmt: skip
