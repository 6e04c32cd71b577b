"""Verify, room 8.  Check: everything that a world holds against everything that it has to hold.  No Kafka, no clock."""

from collections.abc import Callable

import duckdb

from agents.verify import (
    decide,
    forgetting,
    heavy,
    ingest,
    ingest_checks,
    log,
    outputs,
    partitioning,
    people,
    rows,
    ties,
    touches,
    withdrawals,
)  # fmt: skip
from agents.verify.accounts import companies, contributions, lists, made, views
from agents.verify.accounts import touches as touches_told
from agents.verify.accounts.fold import fold
from agents.verify.facts import gather
from agents.verify.load import load
from agents.verify.report import Check, Report
from agents.verify.rules import Rules
from agents.verify.salesforce import people as salesforce
from agents.verify.salesforce import records, transactions
from agents.verify.world import INPUTS, REFERRAL_TRIGGERS, SEGMENT_CHANGES, World


def check(world: World, rules: Rules, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Recompute and compare everything.  `tell` hears what is being done, in a few words."""
    tell("loading")
    con = load(world, lambda done: tell(f"loading: {done:,} messages"))
    try:
        return Report(_checks(con, world, rules, tell))
    finally:
        con.close()


def _checks(con: duckdb.DuckDBPyConnection, world: World, rules: Rules, tell: Callable[[str], None]) -> list[Check]:
    tell("ingest")
    log.prepare(con, world.partitions)
    known = companies.prepare(con)
    ingest.prepare(con)
    found = ingest_checks.check(con)
    found += [log.check_order(con), log.check_ticks(con, world.partitions), partitioning.check(con, world.partitions)]
    ingest_checks.leave_out_refused(con)
    forgetting.prepare(con)
    tell("salesforce")
    found.append(transactions.check(con, world))
    tell("accounts")
    messages = Check("account events")
    told = fold(con, rules.accounts, world.partitions, messages)
    found += [records.check(con, told.records), made.check(con, told, known, messages), views.check(con, told)]
    tell("links and parts")
    ties.prepare(con)
    told_touches, of_people = touches_told.check(con)
    found += [ties.check(con), forgetting.check(con), told_touches]
    rows.prepare(con, rules.horizon_ms)
    lists.compare(told_touches, con, rules, of_people)
    tell("decisions")
    touches.prepare(con, rules)
    long = heavy.find(con, rules)
    walked = {(one.p, one.key): one for one in decide.people(con, rules)}
    changes = outputs.written(con, SEGMENT_CHANGES)
    triggers, withdrawn = withdrawals.apart(outputs.written(con, REFERRAL_TRIGGERS))
    mixed = outputs.versions_mixed(changes, triggers, rules)
    tell("people")
    facts = gather(con, rules, long)
    found.append(people.check(con, rules, facts, long, walked, mixed))
    found.append(contributions.check(con, told, rules, facts))
    found.append(salesforce.check_timeline(con))
    tell("segment changes and triggers")
    expected = [change for person in walked.values() for change in person.changes]
    decisions = [decision for person in walked.values() for decision in person.decisions]
    found.append(outputs.check_changes(rules, long, expected, changes, mixed))
    found.append(outputs.check_triggers(con, rules, long, decisions, triggers, mixed))
    taken_back = [one for person in walked.values() for one in person.withdrawals]
    found.append(withdrawals.check(rules, long, taken_back, withdrawn, triggers, mixed=mixed))
    return [*found, _offsets(world)]


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
