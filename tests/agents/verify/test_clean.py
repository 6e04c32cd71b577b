"""A consistent world is clean, whatever odd things its senders did; and a report says on what it proved that."""

import pytest

from agents.verify.check import check
from tests.agents.verify.simulate import DAY, MINUTE, RULES, T0, Company, company, iso


@pytest.mark.parametrize("seed", range(6))
def test_a_consistent_world_is_clean(seed: int) -> None:
    report = check(company(seed, people=3 + seed % 3, partitions=1 + seed % 3).world(), RULES)
    assert [one for found in report.checks for one in found.first] == []
    assert report.clean


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
        event("identify", T0 + 9 * MINUTE, anonymousId="a", userId="u1", traits={"email": "e", "name": "n"}), T0 + DAY
    )
    firm.settle()
    firm.tick(T0 + DAY)
    firm.web(
        event("identify", T0 + 8 * MINUTE, anonymousId="a", userId="u2", traits={"email": "e", "name": "n"}), T0 + DAY
    )
    world = firm.world()
    kinds = [b'"kind":"detach"' in (one.value or b"") for one in world.topics["user-events"]]
    assert sum(kinds) == 1
    assert check(world, RULES).clean


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
