import re
from pathlib import Path

import pytest

from streams.touches import WebSites, source_of
from streams.touches.hosts import BY_DOMAIN, known_host, known_source

DOCS = (Path(__file__).parents[3] / "docs" / "channels.md").read_text()
CASE = re.compile(r"^\| (?:`([^`|]*)`)? ?\| (?:`([^`|]*)`)? ?\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
DISAGREEMENTS = CASE.findall(DOCS)


def channels(query: str, referrer: str = "") -> tuple[str, str]:
    came_from = f"https://{referrer}/" if referrer else None
    found = source_of(None, f"https://www.example.com/?{query}", came_from, WebSites())
    assert found is not None
    return found.channel, found.ga4


@pytest.mark.parametrize(("query", "referrer", "channel", "ga4"), DISAGREEMENTS)
def test_the_two_groupings_disagree_as_documented(query: str, referrer: str, channel: str, ga4: str) -> None:
    assert channels(query, referrer) == (channel, ga4)
    assert channel != ga4


def test_there_are_documented_disagreements() -> None:
    assert len(DISAGREEMENTS) >= 25


@pytest.mark.parametrize(
    ("query", "both"),
    [
        ("utm_source=google&utm_medium=cpc", "Paid Search"),
        ("utm_source=google&utm_medium=organic", "Organic Search"),
        ("utm_source=google&utm_medium=display", "Display"),
        ("utm_source=bing&utm_medium=PPC", "Paid Search"),
        ("utm_source=fb&utm_medium=paid", "Paid Social"),
        ("utm_source=linkedin", "Organic Social"),
        ("utm_source=LinkedIn&utm_medium=social", "Organic Social"),
        ("utm_source=youtube&utm_medium=cpv", "Paid Video"),
        ("utm_source=amazon&utm_medium=cpc", "Paid Shopping"),
        ("utm_medium=email&utm_source=hubspot", "Email"),
        ("utm_source=e-mail", "Email"),
        ("utm_medium=banner", "Display"),
        ("utm_source=partner&utm_medium=cpm", "Display"),
        ("utm_medium=referral&utm_source=partner", "Referral"),
        ("utm_medium=video", "Organic Video"),
        ("utm_medium=social", "Organic Social"),
        ("utm_medium=audio", "Audio"),
        ("utm_source=sms", "SMS"),
        ("utm_source=direct", "Direct"),
    ],
)
def test_on_ordinary_campaigns_they_agree(query: str, both: str) -> None:
    assert channels(query) == (both, both)


def test_workshop_is_no_shop() -> None:
    assert channels("utm_source=partner&utm_medium=referral&utm_campaign=workshop") == ("Referral", "Referral")
    assert channels("utm_campaign=eshop") == ("Organic Shopping", "Organic Shopping")


@pytest.mark.parametrize("channel", sorted({case[2] for case in DISAGREEMENTS}))
def test_each_channel_of_the_table_is_in_the_list_of_names(channel: str) -> None:
    assert channel in DOCS[DOCS.index("`channel` is Touchline's") : DOCS.index("`ga4` is GA4's")]


def test_every_known_host_is_found_under_its_subdomains_too() -> None:
    assert BY_DOMAIN
    for host, known in BY_DOMAIN.items():
        assert known_host(host) == known
        assert known_host(f"zz.{host}") == known


@pytest.mark.parametrize("name", ["x", "fb", "ig", "chatgpt", "bing_ads", "www.google.com", "reddit", "google"])
def test_campaigns_may_use_nicknames_and_hosts(name: str) -> None:
    assert known_source(name) is not None


@pytest.mark.parametrize("name", ["spring", "", ".", "newsletter", "others", "ask"])
def test_an_ordinary_word_is_no_known_source(name: str) -> None:
    assert known_source(name) is None
