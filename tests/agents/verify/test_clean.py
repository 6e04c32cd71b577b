"""A consistent world is clean, whatever odd things its senders did; and a report says on what it proved that."""

import json
import re

import pytest

from agents.verify.check import check
from agents.verify.rules import Rules
from streams.policy import Ask, Attribution, Condition, Lookback, Policy, Segment, Web
from tests.agents.verify.processed import processed
from tests.agents.verify.simulate import DAY, MINUTE, RULES, T0, Company, company, iso


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
    gaps = [(1, MINUTE, DAY), (MINUTE, DAY, 8 * DAY), (1, 1, 1000)][seed % 3]
    given = company(seed, people=2 + seed % 4, partitions=1 + seed % 4, steps=150, gaps=gaps).world()
    report = check(processed(given, policy(), seed), RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.named("links and parts").compared > 0


def test_the_random_worlds_have_parts_of_two_hops_relinks_and_addresses_that_link_nobody() -> None:
    records = b"\n".join(one.value or b"" for seed in range(6) for one in company(seed).world().topics["user-events"])
    for found in (
        rb'"detach".*"path":\[2',
        rb'"part".*"path":\[\d+,\d+\]',
        b'"link","alias":"anon:[^"]*","to":"email:',
    ):
        assert re.search(found, records), found
    assert b'"email":"support@' in records
    assert b'"email:support@' not in records


def test_the_random_worlds_prove_something() -> None:
    report = check(company(7, steps=200).world(), RULES)
    for name in ("ingest", "rejections", "links and parts", "people", "segment changes", "triggers", "ticks"):
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


def test_records_of_a_former_rule_version_are_counted_as_unchecked() -> None:
    world = company(1, partitions=1).world()
    assert world.topics["segment-changes"]
    rules = type(RULES)(2, RULES.segments, RULES.asks)
    changes = check(world, rules).named("segment changes")
    assert (changes.differences, changes.unchecked) == (0, len(world.topics["segment-changes"]))


def event(kind: str, at: int, **more: object) -> dict:
    return {"type": kind, "messageId": f"{kind}-{at}", "context": {}, "at": at, "timestamp": iso(at)} | more


def test_a_detached_part_takes_its_events_along() -> None:
    firm = Company(1)
    firm.tick(T0)
    for minute in range(3):
        firm.web(event("track", T0 + minute * MINUTE, anonymousId="a", event="Report Viewed"), T0 + DAY)
    firm.web(
        event(
            "identify", T0 + 9 * MINUTE, anonymousId="a", userId="u1", traits={"email": "u1@example.com", "name": "n"}
        ),
        T0 + DAY,
    )
    firm.settle()
    firm.tick(T0 + DAY)
    firm.web(
        event(
            "identify", T0 + 8 * MINUTE, anonymousId="a", userId="u2", traits={"email": "u2@example.com", "name": "n"}
        ),
        T0 + DAY,
    )
    world = firm.world()
    kinds = [b'"kind":"detach"' in (one.value or b"") for one in world.topics["user-events"]]
    assert sum(kinds) == 1
    assert check(world, RULES).clean


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
        firm.settle()
        firm.tick(T0 + after)
        firm.settle()
    for world in (firm.world(), processed(firm.world(), policy(), 3)):
        assert check(world, RULES).clean
        views = [json.loads(one.value or b"") for one in world.messages("profile-views") if one.key == b"user:u1"]
        assert views[-1]["last_touch"]["campaign"] == "spring"


class FullRow(Company):
    """A company whose rows have no room for events named `Refused`."""

    def fold(self, p: int, offset: int, record: dict) -> None:
        if record.get("name") != "Refused":
            super().fold(p, offset, record)
            return
        refused = next(one for one in self.topics["user-events"] if (one.partition, one.offset) == (p, offset))
        headers = {"reason": "row-full", "topic": "user-events", "partition": p, "offset": offset, "detail": "why"}
        pairs = [(name, str(text).encode()) for name, text in headers.items()]
        self.put("rejected-events", p, refused.value, (refused.key or b"").decode(), headers=pairs)


def test_what_a_full_row_refused_is_left_out_of_the_person() -> None:
    firm = FullRow(2)
    firm.tick(T0)
    for minute, name in enumerate(["Report Viewed", "Report Viewed", "Refused", "Refused"]):
        at = T0 + minute * MINUTE
        firm.web(event("track", at, anonymousId="a", userId="u1", event=name), at)
    report = check(firm.world(), RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.named("rejections").unchecked == 2
