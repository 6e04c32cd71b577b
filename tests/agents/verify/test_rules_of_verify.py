"""The rules file, read a second time."""

from pathlib import Path

import pytest

from agents.verify.rules import DAY_MS, RulesError, duration_ms, load, parse

SHIPPED = Path(__file__).parents[3] / "rules.toml"


@pytest.mark.parametrize(
    ("text", "ms"), [("30d", 30 * DAY_MS), ("12h", 43_200_000), ("30m", 1_800_000), ("45s", 45_000)]
)
def test_durations_carry_their_unit(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "30", "d", "1.5h", "30 d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|invalid"):
        duration_ms(text)


def test_more_than_twenty_is_at_least_twenty_one() -> None:
    first = load(SHIPPED).segments[0].conditions[0]
    assert (first.event, first.required, first.within_ms) == ("Report Viewed", 21, 30 * DAY_MS)


def test_any_needs_one_and_all_needs_each() -> None:
    counts = [{"count": {"event": name, "at_least": 1, "within": "60d"}} for name in "ab"]
    both, one = parse({"segments": [{"name": "s", "rule": {word: counts}} for word in ("all", "any")]}).segments
    assert [both.holds([1, 0]), one.holds([1, 0]), both.holds([1, 1]), one.holds([0, 0])] == [False, True, True, False]


def test_the_horizon_is_the_longest_window_but_thirty_days_at_least() -> None:
    def horizon(within: str) -> int:
        rule = {"count": {"event": "e", "at_least": 1, "within": within}}
        return parse({"segments": [{"name": "s", "rule": rule}]}).horizon_ms

    assert (horizon("1d"), horizon("60d")) == (30 * DAY_MS, 60 * DAY_MS)


def test_attribution_has_the_defaults_of_the_page() -> None:
    said = {"sign_up": "Joined", "lookback": "10d", "acquisition_lookback": "12h"}
    found = [(one.sign_up, one.lookback_ms, one.acquisition_ms) for one in (parse({}), parse({"attribution": said}))]
    assert found == [("Signed Up", 90 * DAY_MS, 30 * DAY_MS), ("Joined", 10 * DAY_MS, DAY_MS // 2)]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("segments = [")
    with pytest.raises(RulesError, match=r"rules\.toml"):
        load(path)
