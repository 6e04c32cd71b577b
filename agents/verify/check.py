"""Verify, room 8.  Check: everything that a world holds against everything that it has to hold.  No Kafka, no clock."""

from collections.abc import Callable
from functools import lru_cache

import duckdb

from agents.verify import (
    accepted,
    documents,
    forgetting,
    ingest,
    ingest_checks,
    log,
    outputs,
    partitioning,
    progress,
    withdrawals,
)
from agents.verify.accounts import companies, contributions, joins, made, touches, views
from agents.verify.accounts.fold import fold
from agents.verify.accounts.persons import Personas
from agents.verify.everybody import Everybody, full_rows
from agents.verify.load import load
from agents.verify.people import EVER
from agents.verify.progress import Progress
from agents.verify.report import Check, Report
from agents.verify.rules import Rules
from agents.verify.salesforce import aliases, records, timeline, transactions
from agents.verify.salesforce.values import millis
from agents.verify.standing import Written, standings, written
from agents.verify.texts import text_of
from agents.verify.world import INPUTS, REFERRAL_TRIGGERS, SEGMENT_CHANGES, World

Tell = Callable[[str], None]


def check(world: World, rules: Rules, tell: Tell = lambda _: None) -> Report:
    """Recompute and compare everything.  `tell` hears what is being done, in a few words."""
    tell("loading")
    con = load(world, lambda done: tell(f"loading: {done:,} messages"))
    try:
        return Report(_checks(con, world, rules, tell))
    finally:
        con.close()


def _checks(con: duckdb.DuckDBPyConnection, world: World, rules: Rules, tell: Tell) -> list[Check]:
    tell("ingest")
    log.prepare(con)
    known = companies.prepare(con)
    ingest.prepare(con)
    found = [*ingest_checks.check(con), partitioning.check(con, world.partitions)]
    ingest_checks.leave_out_refused(con)
    tell("salesforce")
    found.append(transactions.check(con, world))
    messages = Check("account events")
    accounts = fold(con, rules.accounts, world.partitions, messages)
    found += [records.check(con, accounts.records), made.check(con, accounts, known, messages)]
    found.append(views.check(con, accounts))
    tell("people")
    said, check_of_progress = progress.read(con, world.partitions)
    found.append(check_of_progress)
    changes = written(con, SEGMENT_CHANGES)
    triggers, withdrawn = withdrawals.apart(written(con, REFERRAL_TRIGGERS))
    everybody = _everybody(con, world, rules, said, (changes, triggers, withdrawn))
    joins.check(con, everybody, messages)
    found += [forgetting.check(con, everybody), touches.check(con, everybody, rules)]
    tell("documents")
    there, context = documents.shown(con), outputs.Context(everybody, rules)
    personas = Personas(everybody, rules, {row: documents.map_version(one) for row, one in there.items()})
    found.append(documents.check(context, personas, there))
    found.append(contributions.check(con, accounts, rules, everybody, personas))
    found.append(timeline.check(con, everybody))
    tell("segment changes and triggers")
    found += [outputs.check_changes(context, changes), outputs.check_triggers(context, triggers)]
    found.append(withdrawals.check(context, withdrawn, triggers))
    return [*found, _offsets(world)]


def _everybody(
    con: duckdb.DuckDBPyConnection,
    world: World,
    rules: Rules,
    said: Progress,
    outputs: tuple[list[Written], list[Written], list[Written]],
) -> Everybody:
    """Work everybody out; decide as far as anybody has."""
    partition = lru_cache(maxsize=None)(lambda key: partitioning.partition_of(key.encode(), world.partitions))

    def since(p: int) -> int:
        return max((at for version, at in said.versions.get(p, ()) if version == rules.version), default=EVER)

    changes, triggers, _ = outputs
    latest = [millis(text_of(value, "announced_at")) for _, _, _, value, _ in changes]
    latest += [millis(text_of(value, "decided_at")) for _, _, _, value, _ in triggers]
    known = standings(*outputs, rules.version, since)
    until = max((at for at in latest if at is not None), default=EVER)
    recount = accepted.work_out(con, rules, said, partition, known, until)
    return Everybody(recount, aliases.told(con), said, partition, full_rows(con))


def _offsets(world: World) -> Check:
    """Check that the group has committed no more than there is, and that no record was read twice."""
    found = Check("offsets")
    for topic in INPUTS:
        for partition in range(world.partitions):
            found.compared += 1
            committed, end = world.committed.get((topic, partition), 0), world.end(topic, partition)
            if committed > end:
                found.differs(f"{topic}/{partition}/{committed}", "", f"committed beyond the end, {end}")
    seen: set[tuple[str, int, int]] = set()
    for topic, messages in world.topics.items():
        for one in messages:
            if (place := (topic, one.partition, one.offset)) in seen:
                found.differs(f"{topic}/{one.partition}/{one.offset}", "", "read twice")
            seen.add(place)
    return found
