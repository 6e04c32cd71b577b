"""The rules file: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest

from streams.policy import UNITS_MS, WINDOW_MS, Ask, Condition, Policy, PolicyError, Segment, Web, parse_policy

DAY = UNITS_MS["d"]
SEGMENT = """
[[segments]]
name = "power-users"
rule = { count = { event = "Report Viewed", more_than = 20, within = "30d" } }
"""
ASK = """
[[asks]]
name = "review"
segment = "power-users"
type = "review"
channel = "email"
cooldown = "90d"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text)
    return refused.value.problems


def rule(text: str) -> Segment:
    """The segment of one rule."""
    return parse_policy(f'version = 1\n[[segments]]\nname = "s"\nrule = {text}').segments[0]


def count(text: str) -> str:
    return f'version = 1\n[[segments]]\nname = "s"\nrule = {{ count = {{ event = "A", {text} }} }}'


def test_a_version_is_all_that_a_rules_file_needs() -> None:
    assert parse_policy("version = 7") == Policy(7)


def test_segments_and_asks_become_values() -> None:
    policy = parse_policy("version = 3" + SEGMENT + ASK)
    assert policy.segments == (Segment("power-users", (Condition("Report Viewed", 21, 30 * DAY),), every=True),)
    assert policy.asks == (Ask("review", "power-users", "review", "email", "none", 90 * DAY),)
    assert policy.web == Web((), 30 * UNITS_MS["m"], 24 * UNITS_MS["h"], True)


def test_the_rules_file_of_the_project_is_the_one_of_its_documentation() -> None:
    policy = parse_policy((Path(__file__).parents[2] / "rules.toml").read_text())
    assert [(condition.event, condition.required) for condition in policy.segments[0].conditions] == [
        ("Report Viewed", 21),
        ("Dashboard Shared", 1),
    ]


def test_more_than_n_requires_one_more() -> None:
    assert rule('{ count = { event = "A", more_than = 0, within = "1d" } }').conditions[0].required == 1
    assert rule('{ count = { event = "A", at_least = 1, within = "1d" } }').conditions[0].required == 1


def test_all_and_any_have_conditions_of_their_own() -> None:
    first, second = '{ event = "A", at_least = 2, within = "1d" }', '{ event = "B", at_least = 1, within = "2h" }'
    counts = f"[{{ count = {first} }}, {{ count = {second} }}]"
    conditions = (Condition("A", 2, DAY), Condition("B", 1, 2 * UNITS_MS["h"]))
    assert rule(f"{{ all = {counts} }}") == Segment("s", conditions, every=True)
    assert rule(f"{{ any = {counts} }}") == Segment("s", conditions, every=False)


def test_how_visits_become_sessions_is_a_setting() -> None:
    settings = ["version = 1", "[web]", 'own_domains = ["example.com"]', 'idle = "45s"', 'longest = "12h"']
    text = "\n".join([*settings, "new_session_on_campaign = false"])
    assert parse_policy(text).web == Web(("example.com",), 45_000, 12 * UNITS_MS["h"], False)


@pytest.mark.parametrize(("text", "ms"), [("45s", 45_000), ("30m", 1_800_000), ("12h", 43_200_000), ("90d", 90 * DAY)])
def test_a_duration_is_a_number_and_a_unit(text: str, ms: int) -> None:
    assert parse_policy(f'version = 1\n[web]\nidle = "{text}"').web.idle_ms == ms


@pytest.mark.parametrize("text", ['"30"', '"d"', '"0d"', '"-1d"', '"1.5d"', '"30 d"', '"30D"', '"1w"', "30", "true"])
def test_anything_else_is_none(text: str) -> None:
    assert problems(f"version = 1\n[web]\nidle = {text}") == [
        'web.idle: a duration is a number and a unit, like "30d", "12h", "30m" or "45s"'
    ]


# What is kept: the horizon.


def test_events_are_kept_for_30_days() -> None:
    assert Policy(1).horizon_ms == WINDOW_MS == 30 * DAY


@pytest.mark.parametrize(("within", "horizon"), [("1d", 30), ("30d", 30), ("90d", 90)])
def test_or_as_long_as_the_longest_rule_looks_back(within: str, horizon: int) -> None:
    assert parse_policy(count(f'at_least = 1, within = "{within}"')).horizon_ms == horizon * DAY


# Mistakes.


@pytest.mark.parametrize("version", ["0", "-1", "1.0", '"1"', str(1 << 32), "202611221000"])
def test_a_version_is_a_whole_number_from_1_that_fits_into_a_row(version: str) -> None:
    assert problems(f"version = {version}")[0].startswith("version: ")


def test_the_largest_version_is_accepted() -> None:
    assert parse_policy(f"version = {(1 << 32) - 1}").version == 4_294_967_295


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('more_than = 1000, within = "30d"', True),
        ('more_than = 1001, within = "30d"', False),
        ('at_least = 1001, within = "30d"', True),
        ('at_least = 1002, within = "30d"', False),
        ('at_least = 0, within = "30d"', False),
        ('more_than = -1, within = "30d"', False),
        ('at_least = 1, within = "90d"', True),
        ('at_least = 1, within = "91d"', False),
        ('at_least = 1, more_than = 1, within = "30d"', False),
        ('within = "30d"', False),
        ("at_least = 1", False),
        ('at_least = 1, within = "30d", unless = "x"', False),
    ],
)
def test_a_count_has_one_bound_within_reach_and_a_window(text: str, accepted: bool) -> None:
    if accepted:
        assert parse_policy(count(text)).segments
    else:
        assert problems(count(text))[0].startswith("segments.0.rule.count")


@pytest.mark.parametrize("text", ["{}", "{ all = [] }", "{ any = [] }", '{ not = { event = "A" } }'])
def test_a_rule_is_one_of_three_forms(text: str) -> None:
    assert problems(f'version = 1\n[[segments]]\nname = "s"\nrule = {text}')[0].startswith("segments.0.rule")


def test_a_rule_has_no_two_forms() -> None:
    one = '{ event = "A", at_least = 1, within = "1d" }'
    text = f'version = 1\n[[segments]]\nname = "s"\nrule = {{ count = {one}, any = [{{ count = {one} }}] }}'
    assert problems(text) == ["segments.0.rule: a rule is one of: { count = ... }, { all = [...] }, { any = [...] }"]


@pytest.mark.parametrize("name", ["", "Power", "-x", "a b", "a.b", "x" * 65])
def test_names_are_short_and_plain(name: str) -> None:
    assert problems("version = 1" + SEGMENT.replace("power-users", name))[0].startswith("segments.0.name: ")


def test_an_ask_names_a_segment_that_is_there() -> None:
    assert problems("version = 1" + SEGMENT + ASK.replace("power-users", "tourists")) == [
        "file: ask 'review' names segment 'tourists'; there are: power-users"
    ]


def test_names_are_used_once() -> None:
    assert problems("version = 1" + SEGMENT * 2 + ASK * 2) == [
        "file: two segments are named 'power-users'; two asks are named 'review'"
    ]


@pytest.mark.parametrize("line", ['type = "beg"', 'channel = "pigeon"', 'cooldown = "never"'])
def test_an_ask_says_what_and_where_in_known_words(line: str) -> None:
    field = line.partition(" ")[0]
    text = "\n".join(line if known.startswith(field) else known for known in ASK.splitlines())
    assert problems("version = 1" + SEGMENT + text)[0].startswith(f"asks.0.{field}: ")


def test_all_problems_are_told_at_once() -> None:
    text = 'version = 0\ncolour = "red"\n[web]\nidle = "x"' + ASK.replace("90d", "soon")
    assert [problem.partition(":")[0] for problem in problems(text)] == [
        "version",
        "web.idle",
        "asks.0.cooldown",
        "colour",
    ]


def test_what_is_no_toml_is_said_with_its_place() -> None:
    assert problems("version = ")[0].startswith("not TOML: ")
    assert "line 2" in problems("version = 1\nweb = ]")[0]
