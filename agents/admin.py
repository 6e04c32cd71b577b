"""Topic administration: make at the broker what `streams/topics.py` declares, and say what differs."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from agents.settings import Settings
from streams import topics
from streams.topics import Topic

DEADLINE_SECONDS = 30.0
"""For a whole command: connecting, asking, and waiting until the cluster has done it."""
REQUEST_MS = 10_000
POLL_SECONDS = 0.05


class AdminError(Exception):
    """The broker is away or refused; the message is for a person and ends with the next step."""


def wanted(settings: Settings) -> tuple[Topic, ...]:
    """List every topic that this app id needs: the fixed ones and the changelogs of its tables."""
    return (*topics.ALL, *(topics.changelog(settings.app_id, table) for table in topics.TABLES))


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing, wait until they have leaders, and return their names.

    Existing topics stay as they are.  Raise `AdminError` if they have another number of partitions than
    `settings.partitions`: a changelog made now would not fit them.
    """
    async with _admin(settings) as admin:
        existing = await _partitions(admin, wanted(settings))
        other = {name: count for name, count in existing.items() if count != settings.partitions}
        if other:
            raise AdminError(_differs(other, settings.partitions))
        missing = [topic for topic in wanted(settings) if topic.name not in existing]
        await _create(admin, missing, settings)
        await _until_partitions(admin, missing, {topic.name: settings.partitions for topic in missing})
    return [topic.name for topic in missing]


async def check_topics(settings: Settings) -> list[str]:
    """Compare the broker's topics with the declared ones; return a sentence for each problem, none if all is well.

    Raise `AdminError` if the broker cannot be asked, or does not know all of its leaders yet: ask again.
    """
    async with _admin(settings) as admin:
        existing = await _existing(admin, wanted(settings))
        policies = await _cleanup_policies(admin, existing)
    problems = [
        f"The topic {topic.name} is missing. Run `touchline topics create`."
        for topic in wanted(settings)
        if topic.name not in existing
    ]
    other = {name: count for name, count in existing.items() if count != settings.partitions}
    if other:
        problems.append(_differs(other, settings.partitions))
    for topic in wanted(settings):
        declared = topic.config["cleanup.policy"]
        found = policies.get(topic.name, declared)
        if found != declared:
            problems.append(
                f"The topic {topic.name} has cleanup.policy {found}, not {declared}. Alter it at the broker."
            )
    return problems


async def delete_topics(settings: Settings) -> None:
    """Delete every topic of this app id, with its records, and wait until the broker has forgotten them."""
    async with _admin(settings) as admin:
        existing = await _partitions(admin, wanted(settings))
        if existing:
            answer = await admin.delete_topics(list(existing))
            _raise_for(answer.topic_error_codes, besides=UnknownTopicOrPartitionError)
        await _until_partitions(admin, wanted(settings), {})


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect, and turn everything that may go wrong at the broker into one `AdminError`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=REQUEST_MS)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await admin.start()
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        msg = (
            f"Kafka at {settings.kafka_bootstrap} did not do it ({type(error).__name__}). "
            "Start one with `touchline stack up`, or set TOUCHLINE_KAFKA_BOOTSTRAP."
        )
        raise AdminError(msg) from error
    finally:
        await admin.close()


async def _existing(admin: AIOKafkaAdminClient, those: Iterable[Topic]) -> dict[str, int]:
    """Count the partitions of each topic that exists; a topic without its leaders is no missing one."""
    described = await admin.describe_topics([topic.name for topic in those])
    for found in described:
        _raise_for([(found["topic"], found["error_code"])], besides=UnknownTopicOrPartitionError)
        if any(partition["leader"] < 0 for partition in found["partitions"]):
            raise AdminError(f"The topic {found['topic']} has partitions without a leader: are all brokers up?")
    return {found["topic"]: len(found["partitions"]) for found in described if found["error_code"] == 0}


async def _partitions(admin: AIOKafkaAdminClient, those: Iterable[Topic]) -> dict[str, int]:
    """Count the partitions of each topic that exists and whose partitions all have a leader."""
    described = await admin.describe_topics([topic.name for topic in those])
    return {
        found["topic"]: len(found["partitions"])
        for found in described
        if found["error_code"] == 0 and all(partition["leader"] >= 0 for partition in found["partitions"])
    }


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic], settings: Settings) -> None:
    if not missing:
        return
    new = [
        NewTopic(topic.name, settings.partitions, settings.replication, topic_configs=topic.config) for topic in missing
    ]
    answer = await admin.create_topics(new)
    _raise_for([error[:2] for error in answer.topic_errors], besides=TopicAlreadyExistsError)


async def _until_partitions(admin: AIOKafkaAdminClient, those: Iterable[Topic], counts: dict[str, int]) -> None:
    """Ask until the cluster shows these counts; the caller's deadline ends it otherwise."""
    while True:
        if await _partitions(admin, those) == counts:
            return
        await asyncio.sleep(POLL_SECONDS)


async def _cleanup_policies(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = await admin.describe_configs(resources)
    return {
        resource[3]: entry[1]
        for answer in answers
        for resource in answer.resources
        for entry in resource[4]
        if entry[0] == "cleanup.policy"
    }


def _raise_for(errors: Iterable[tuple[str, int]], *, besides: type[KafkaError]) -> None:
    """Raise the broker's refusal; `besides` means that somebody else was faster, which is as good."""
    for name, code in errors:
        error = for_code(code)
        if code != 0 and error is not besides:
            raise AdminError(f"Kafka refused the topic {name}: {error.__name__}. {error.description}")


def _differs(other: dict[str, int], partitions: int) -> str:
    """Say whose partition counts differ: records of one person must lie in the same partition of every topic."""
    listed = ", ".join(f"{name} has {count}" for name, count in sorted(other.items()))
    return (
        f"Each topic must have {partitions} partitions, but {listed}. "
        "Set TOUCHLINE_PARTITIONS to the number that they have, or delete them and run `touchline topics create`."
    )
