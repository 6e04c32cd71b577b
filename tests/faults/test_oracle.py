"""The second oracle finds nothing in a log that is right, and each thing that is made wrong in it."""

from collections.abc import Callable
from copy import deepcopy
from random import Random

import pytest
from aiokafka.structs import ConsumerRecord

from agents import rules_file
from agents.processors.profile import HELD_KEY as WAITING_KEY
from agents.processors.salesforce.changes import HELD_KEY
from agents.runtime.contract import Headers, Lane
from agents.settings import Settings
from streams import topics
from streams.policy import Policy
from tests.faults import load
from tests.faults.load import PARTITIONS
from tests.faults.oracle import POSITION, Findings, Sent, compare_order, in_vain
from tests.faults.run import OUTPUTS, SOURCES, base_settings, replayed
from tests.support.topology import Topology

Log = dict[tuple[str, int], list[ConsumerRecord]]
CHANGELOGS = {table: f"{table}-changelog" for table in topics.TABLES}
SEEDS = range(3)
READ_ON = {topics.ACCOUNT_EVENTS.name, topics.USER_EVENTS.name}
"""Topics of which a record makes others: what is wrong in them has consequences."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return base_settings("127.0.0.1:1", "redis://127.0.0.1:1/0")


@pytest.fixture(scope="module")
def policy(settings: Settings) -> Policy:
    return rules_file.load(settings.rules)


@pytest.fixture(scope="module")
def right(settings: Settings, policy: Policy) -> Log:
    """What a worker without Kafka, and without any trouble, leaves in the topics."""
    topology = Topology(policy, partitions=PARTITIONS, paces=(1, 5))
    for (topic, partition), items in load.by_partition(load.company(3, 20), PARTITIONS, load.partition_of).items():
        for item in items:
            key, value, headers = load.message(item)
            topology.publish(topic, partition, value, item.at or 0, key=key, headers=headers)
    topology.come_to_rest()
    names = [*SOURCES, *OUTPUTS, *CHANGELOGS.values()]
    return {(name, partition): topology.log[Lane(name, partition)] for name in names for partition in range(PARTITIONS)}


def append(
    log: Log, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers = (), at: int = 0
) -> None:
    offset = len(log[topic, partition])
    log[topic, partition].append(ConsumerRecord(topic, partition, offset, at, 0, key, value, None, 0, 0, headers))


def judged(settings: Settings, policy: Policy, log: Log) -> Findings:
    return replayed(settings, policy, log, CHANGELOGS)


def test_a_right_log_is_exact(settings: Settings, policy: Policy, right: Log) -> None:
    found = judged(settings, policy, right)
    assert found.exact, found.first
    assert found.steps > 50
    assert found.messages > 2_000
    assert found.by_topic[topics.REFERRAL_TRIGGERS.name] > 0
    assert found.by_topic[topics.USER_TIMELINE.name] > 20
    released_by_time = b"/-1"
    assert any(
        dict(one.headers)["source"].endswith(released_by_time)
        for partition in range(PARTITIONS)
        for one in right[topics.ACCOUNT_EVENTS.name, partition]
    )


def place(log: Log, chance: Random, topic: str) -> tuple[list[ConsumerRecord], int]:
    """A record somewhere in a topic."""
    records = chance.choice([log[topic, partition] for partition in range(PARTITIONS) if log[topic, partition]])
    return records, chance.randrange(len(records))


def lose(log: Log, chance: Random, topic: str) -> str:
    records, at = place(log, chance, topic)
    del records[at]
    return "lost"


def double(log: Log, chance: Random, topic: str) -> str:
    records, at = place(log, chance, topic)
    records.insert(at, records[at])
    return "doubled"


def invent(log: Log, chance: Random, topic: str) -> str:
    append(log, topic, chance.randrange(PARTITIONS), b"user:nobody", b'{"kind":"invented"}')
    return "phantom"


def alter(log: Log, chance: Random, topic: str) -> str:
    records, at = place(log, chance, topic)
    old = records[at]
    append(log, topic, old.partition, old.key, (old.value or b"") + b" ", old.headers)
    records[at] = records.pop()
    return "phantom"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("corrupt", [lose, double, invent, alter])
@pytest.mark.parametrize(
    "topic",
    [
        topics.REFERRAL_TRIGGERS.name,
        topics.PROFILE_VIEWS.name,
        topics.SEGMENT_CHANGES.name,
        topics.REJECTED_EVENTS.name,
        topics.ACCOUNT_EVENTS.name,
        topics.USER_EVENTS.name,
        topics.SALESFORCE_RECORDS.name,
        topics.USER_TIMELINE.name,
    ],
)
def test_a_message_that_is_lost_doubled_invented_or_altered_is_found(
    settings: Settings,
    policy: Policy,
    right: Log,
    corrupt: Callable[[Log, Random, str], str],
    topic: str,
    seed: int,
) -> None:
    log = {where: list(records) for where, records in right.items()}
    count = corrupt(log, Random(seed), topic)
    found = judged(settings, policy, log)
    assert getattr(found, count) == 1 or (topic in READ_ON and getattr(found, count) > 1), found.first


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("table", topics.TABLES)
def test_a_row_that_is_lost_or_altered_is_found(
    settings: Settings, policy: Policy, right: Log, table: str, seed: int
) -> None:
    chance = Random(seed)
    for altered in (True, False):
        log = {where: list(records) for where, records in right.items()}
        records, at = place(log, chance, CHANGELOGS[table])
        while records[at].key.startswith(POSITION) or records[at].key == WAITING_KEY:
            records, at = place(log, chance, CHANGELOGS[table])
        old = records.pop(at)
        if altered:
            changed = deepcopy(old)
            object.__setattr__(changed, "value", (old.value or b"") + b"\0")
            records.insert(at, changed)
        assert judged(settings, policy, log).wrong_rows == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_that_it_is_lost_how_far_a_lane_was_is_found(settings: Settings, policy: Policy, right: Log, seed: int) -> None:
    log = {where: list(records) for where, records in right.items()}
    records = log[CHANGELOGS[topics.PROFILES_TABLE], seed % PARTITIONS]
    told = [number for number, record in enumerate(records) if record.key == WAITING_KEY]
    del records[Random(seed).choice(told[1:-1])]
    assert judged(settings, policy, log).wrong_rows > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_that_was_applied_twice_is_found(settings: Settings, policy: Policy, right: Log, seed: int) -> None:
    log = {where: list(records) for where, records in right.items()}
    records = log[CHANGELOGS[topics.PROFILES_TABLE], seed % PARTITIONS]
    ends = [number for number, record in enumerate(records) if record.key.startswith(POSITION)]
    at = next(at for at in range(1, len(ends)) if records[ends[at]].value > records[ends[at - 1]].value > bytes(8))
    begin, end = ends[at - 1] + 1, ends[at] + 1
    records[end:end] = [records[ends[at - 1]], *records[begin:end]]
    assert judged(settings, policy, log).doubled > 0


def test_what_nobody_applied_is_lost(settings: Settings, policy: Policy, right: Log) -> None:
    log = {where: list(records) for where, records in right.items()}
    append(log, topics.WEB_EVENTS.name, 0, b"u", b'{"type": "track", "userId": "u", "event": "Late"}')
    assert judged(settings, policy, log).lost == 1


def test_messages_of_one_key_in_another_order_are_found(settings: Settings, policy: Policy, right: Log) -> None:
    log = {where: list(records) for where, records in right.items()}
    records, first, second = next(
        (records, one, other)
        for (topic, _), records in log.items()
        if topic == topics.PROFILE_VIEWS.name
        for one, record in enumerate(records)
        for other in range(one + 1, len(records))
        if records[other].key == record.key and records[other].value != record.value
    )
    records[first], records[second] = records[second], records[first]
    assert judged(settings, policy, log).wrong_rows > 0


def test_what_two_lanes_sent_alike_is_in_nobodys_order() -> None:
    """Both found the same gap of a whole object: the requests to read it again are the same to the byte."""
    ours, other = Lane("salesforce-changes", 0), Lane("salesforce-changes", 1)
    first, alike, last = (Sent("salesforce-refetch", 0, b"Opportunity", value, ()) for value in (b"1", b"2", b"3"))
    expected = [(ours, first), (ours, alike), (ours, last), (other, alike)]
    found = Findings()
    compare_order(expected, [alike, first, alike, last], found)
    assert found.wrong_rows == 0
    compare_order(expected, [alike, last, alike, first], found)
    assert found.wrong_rows == 1


@pytest.mark.parametrize("where", [0, 1, 2])
def test_two_lanes_that_write_to_one_changelog_may_come_between_each_other(
    settings: Settings, policy: Policy, right: Log, where: int
) -> None:
    log = {place: list(records) for place, records in right.items()}
    records = log[CHANGELOGS[topics.INGEST_TABLE], where]
    held = next(number for number, record in enumerate(records) if record.key.startswith(HELD_KEY))
    records.insert(0, records.pop(held))
    assert judged(settings, policy, log).exact


def test_a_transaction_of_salesforce_that_is_released_twice_is_found(
    settings: Settings, policy: Policy, right: Log
) -> None:
    log = {place: list(records) for place, records in right.items()}
    records = log[CHANGELOGS[topics.INGEST_TABLE], 0]
    held = next(number for number, record in enumerate(records) if record.key.startswith(HELD_KEY))
    records[held + 2 : held + 2] = records[held : held + 2]
    assert not judged(settings, policy, log).exact


def test_what_was_begun_and_not_committed_was_in_vain(right: Log) -> None:
    begun = right[CHANGELOGS[topics.RECORDS_TABLE], 0]
    positions = [record for record in begun if record.key.startswith(POSITION)]
    assert in_vain(begun, begun) == 0
    at = [int.from_bytes(record.value or b"", "big") for record in positions]
    assert in_vain(begun, [record for record in begun if record is not positions[3]]) == at[3] - at[2] > 0
    assert in_vain(begun, [record for record in begun if record not in positions[3:5]]) == at[3] + at[4] - 2 * at[2]


def test_the_log_forgets_people_and_knows_companies(right: Log) -> None:
    rows = [one.key for partition in range(PARTITIONS) for one in right[CHANGELOGS[topics.PROFILES_TABLE], partition]]
    assert any(key.startswith(b"@gone/") for key in rows if key is not None)
    told = [one.value for partition in range(PARTITIONS) for one in right[topics.PROFILE_VIEWS.name, partition]]
    assert any(b'"company":{"domain"' in value for value in told if value is not None)
