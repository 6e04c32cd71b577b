"""A consistent world is clean, whatever odd things its senders did; and a report says on what it proved that."""

import json
import re
from dataclasses import replace
from datetime import datetime

import pytest

from agents.verify.check import check
from agents.verify.rules import Rules
from agents.verify.texts import trigger_id
from agents.verify.world import Message, World
from streams.policy import Ask, Attribution, Condition, Lookback, Policy, Segment, Web
from tests.agents.verify.processed import processed
from tests.agents.verify.simulate import DAY, HOUR, MINUTE, RULES, T0, Company, company, iso


@pytest.mark.parametrize("seed", range(6))
def test_a_consistent_world_is_clean(seed: int) -> None:
    report = check(company(seed, people=3 + seed % 3, partitions=1 + seed % 3).world(), RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.clean


def policy(rules: Rules = RULES) -> Policy:
    """The core's words for rules: those of the simulated company, or others."""
    segments = [
        Segment(one.name, tuple(Condition(c.event, c.required, c.within_ms) for c in one.conditions), one.every)
        for one in rules.segments
    ]
    asks = [Ask(one.name, one.segment, one.type, one.channel, one.incentive, one.cooldown_ms) for one in rules.asks]
    web = Web((), rules.idle_ms, rules.longest_ms, rules.new_session_on_campaign)
    attribution = Attribution(rules.sign_up, Lookback(rules.acquisition_ms, rules.lookback_ms))
    return Policy(1, tuple(segments), tuple(asks), web, attribution=attribution)


@pytest.mark.parametrize("seed", range(12))
def test_what_the_processors_make_of_it_is_clean_however_fast_each_lane_is(seed: int) -> None:
    gaps = [(1, MINUTE, HOUR, HOUR, DAY), (MINUTE, HOUR, HOUR, DAY, 8 * DAY), (1, 1, 1000)][seed % 3]
    given = company(seed, people=2 + seed % 4, partitions=1 + seed % 4, steps=250, gaps=gaps).world()
    report = check(processed(given, policy(), seed), RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.named("segment changes").compared > 0


def test_the_random_worlds_have_people_of_two_hops_relinks_and_addresses_that_link_nobody() -> None:
    records = b"\n".join(one.value or b"" for seed in range(6) for one in company(seed).world().topics["user-events"])
    views = [
        json.loads(one.value or b"") for seed in range(6) for one in company(seed).world().messages("profile-views")
    ]
    assert re.search(b'"link","alias":"anon:[^"]*","to":"email:', records)
    assert any(one["merged_into"].startswith("email:") for one in views if one.get("merged_into"))
    assert any(one["quarantined_links"] for one in views if one.get("merged_into"))
    assert b'"email":"support@' in records
    assert b'"email:support@' not in records


def test_the_random_worlds_prove_something() -> None:
    report = check(company(7, steps=200).world(), RULES)
    for name in ("ingest", "rejections", "people", "segment changes", "triggers", "progress"):
        assert report.named(name).compared > 0, name


def test_an_empty_world_is_clean() -> None:
    assert check(Company().world(), RULES).clean


def test_messages_that_the_worker_has_not_reached_are_no_difference() -> None:
    firm = company(3)
    world = firm.world()
    end = world.committed["web-events", 0]
    firm.put("web-events", 0, {"type": "track", "event": "x", "userId": "u1", "messageId": "new"}, "k")
    world.topics["web-events"] = firm.topics["web-events"]
    assert world.end("web-events", 0) >= end
    assert check(world, RULES).clean


def event(kind: str, at: int, **more: object) -> dict:
    return {"type": kind, "messageId": f"{kind}-{at}", "context": {}, "at": at, "timestamp": iso(at)} | more


@pytest.mark.parametrize("before_link", [True, False])
def test_a_visit_that_an_address_sealed_goes_with_it_to_the_user(before_link: bool) -> None:
    firm = Company(3)
    campaign = {"context": {"campaign": {"name": "spring"}}}
    traits = {"traits": {"email": "ann@example.com", "name": "Ann"}}
    sent = [
        (event("page", T0, anonymousId="a") | campaign, 0),
        (event("identify", T0 + MINUTE, anonymousId="a", **traits), 1),
        (event("identify", T0 + 31 * DAY, anonymousId="b", **traits), 31 * DAY),
        (event("identify", T0 + 32 * DAY, userId="u1", **traits), 32 * DAY),
    ]
    for document, after in sent if before_link else [*sent[:2], sent[3]]:
        firm.web(document, T0 + after)
    firm.tick(T0 + 32 * DAY)
    for world in (firm.world(), processed(firm.world(), policy(), 3)):
        assert check(world, RULES).clean
        views = [json.loads(one.value or b"") for one in world.messages("profile-views") if one.key == b"user:u1"]
        assert views[-1]["last_touch"]["campaign"] == "spring"


def test_what_was_received_late_by_the_clock_is_counted_and_decided_by_the_later_time() -> None:
    firm = Company(1)
    for minute in range(2):
        read = event("track", T0 + minute * MINUTE, userId="u1", event="Report Viewed")
        firm.web(read, T0 + minute * MINUTE, r=T0 + DAY)
    firm.tick(T0 + 2 * DAY)
    report = check(firm.world(), RULES)
    assert (report.clean, report.named("ingest").unchecked) == (True, 2)


def test_what_is_not_decided_yet_is_not_demanded_and_may_be_there_if_it_is_right() -> None:
    firm = Company(1, 1)
    for minute in range(2):
        read = event("track", T0 + minute * MINUTE, userId="u1", event="Report Viewed")
        firm.web(read, T0 + minute * MINUTE)
    firm.tick(T0 + DAY)
    world, topics = firm.world(), ("segment-changes", "referral-triggers", "profile-views")
    world.topics["progress"] = [told(world, T0)]
    assert check(world, RULES).clean
    bare = replace(world, topics={topic: found for topic, found in world.topics.items() if topic not in topics})
    assert check(bare, RULES).clean
    assert check(bare, RULES).named("people").unchecked == 1
    bare.topics["progress"] = [told(world, T0 + MINUTE)]
    missing = [one.name for one in check(bare, RULES).checks if one.differences]
    assert missing == ["people", "segment changes", "triggers"]


def told(world: World, until: int, **more: object) -> Message:
    one = world.topics["progress"][-1]
    return replace(one, value=json.dumps(json.loads(one.value or b"") | {"done": [until]} | more).encode())


@pytest.mark.parametrize(
    "value",
    [
        {"done": []}, {"done": [1.5]}, {"done": None}, {"lane": "user-events/9"}, {"rules": [[1]]}, {"rules": 7},
        {"rules": [[1, 5], [2, 4]]},
    ],
)  # fmt: skip
def test_progress_that_cannot_be_read_is_found(value: dict[str, object]) -> None:
    firm = Company(1, 1)
    firm.tick(T0)
    world = firm.world()
    (one,) = world.topics["progress"]
    world.topics["progress"] = [told(world, T0), replace(told(world, T0, **value), offset=one.offset + 1)]
    assert check(world, RULES).named("progress").differences == 1


def test_of_what_was_said_of_progress_the_farthest_counts() -> None:
    """A lane that somebody else takes over may say again that it is less far: all that was said stays true."""
    world, rules = changed()
    farthest, back = told(world, T0 + 4 * DAY, rules=[[2, 0]]), told(world, T0 - 1, rules=[[2, 0]])
    bare = replace(world, topics=world.topics | {"segment-changes": [], "progress": [farthest]})
    missing = check(bare, rules).named("segment changes").differences
    bare.topics["progress"].append(replace(back, offset=farthest.offset + 1))
    assert check(bare, rules).named("progress").differences == 0
    assert check(bare, rules).named("segment changes").differences == missing > 0


def test_where_nothing_says_what_is_decided_nothing_is_demanded() -> None:
    world = company(1).world()
    del world.topics["progress"]
    report = check(world, RULES)
    assert (report.clean, report.named("progress").unchecked) == (True, 2)


@pytest.mark.parametrize("own", [True, False])
def test_what_a_full_row_refused_is_left_out_of_the_person(own: bool) -> None:
    """At its own row; where the row of a person refused what was forwarded, all of that person is left out."""
    firm = Company(2)
    for minute, name in enumerate(["Report Viewed", "Report Viewed", "Refused"]):
        at = T0 + minute * MINUTE
        firm.web(event("track", at, userId="u1", event=name), at)
    refused = firm.topics["user-events"][-1]
    if own:
        firm.inputs.pop()
    else:
        value = json.loads(refused.value or b"") | {"person": "user:u1", "alias": "anon:a", "passed": 1}
        firm.record(value, "user:u1", "user-events/0/0")
        refused = firm.topics["user-events"][-1]
    firm.reject(refused.value, "user:u1", "row-full", "user-events", refused.partition, refused.offset)
    firm.tick(T0 + DAY)
    world = firm.world()
    if not own:
        world.topics["segment-changes"].pop()
    report = check(world, RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.named("rejections").unchecked == 1
    assert (report.named("people").unchecked > 0) is not own


# -- rules that change -----------------------------------------------------------------------------------------------

LATER = replace(RULES, version=2)


def changed(*, since: int = T0 + DAY) -> tuple[World, Rules]:
    """Somebody enters by one version, leaves and enters again by the next, which is the same but for its number."""
    firm = Company(1, 1)
    for day in (0, 3):
        for minute in range(2):
            at = T0 + day * DAY + minute * MINUTE
            firm.web(event("track", at, userId="u1", event="Report Viewed"), at)
    firm.tick(T0 + 4 * DAY)
    world = firm.world()
    for topic in ("segment-changes", "referral-triggers"):
        world.topics[topic] = [renumbered(one, since) for one in world.topics[topic]]
    world.topics["profile-views"] = [renumbered(one, since) for one in world.topics["profile-views"]]
    world.topics["progress"] = [told(world, T0 + 4 * DAY, rules=[[1, 0], [2, since]])]
    return world, LATER


def renumbered(one: Message, since: int) -> Message:
    """What was decided from then on says version 2, and so does the id of its trigger."""
    text = (one.value or b"").decode()
    document = json.loads(text)
    at = document.get("announced_at") or document.get("decided_at") or document["as_of"]
    if at < iso(since):
        return one
    for entered in set(re.findall(r'"entered_at": ?"([^"]*)"', text)):
        ms = round(datetime.fromisoformat(entered).timestamp() * 1000)
        text = text.replace(trigger_id("tweet", 1, "user:u1", ms), trigger_id("tweet", 2, "user:u1", ms))
    document = json.loads(re.sub(r'"rule_version": ?1', '"rule_version":2', text))
    headers = tuple(
        (name, document["trigger_id"].encode() if name == "ce_id" else value) for name, value in one.headers
    )
    return replace(one, value=json.dumps(document).encode(), headers=headers)


def test_decisions_of_a_former_rule_version_are_taken_as_given_and_counted_as_unchecked() -> None:
    world, rules = changed()
    report = check(world, rules)
    assert [one for found in report.checks for one in found.first] == []
    unchecked = {name: report.named(name).unchecked for name in ("segment changes", "triggers")}
    assert unchecked == {"segment changes": 2, "triggers": 1}
    assert report.named("segment changes").compared == 2


def test_a_stay_that_former_rules_began_ends_by_those_of_today() -> None:
    world, rules = changed(since=T0 + 6 * HOUR)
    report = check(world, rules)
    assert [one for found in report.checks for one in found.first] == []
    assert report.named("segment changes").compared == 3
    world.topics["segment-changes"].pop(1)
    assert not check(world, rules).clean


def test_a_version_that_decided_no_partition_is_a_difference() -> None:
    world, _ = changed()
    world.topics["progress"] = [told(world, T0 + 4 * DAY, rules=[[2, 0]])]
    assert check(world, LATER).named("segment changes").differences > 0
