import re
from pathlib import Path

import pytest

from streams.events import Source
from streams.touches import Campaign, WebSites, source_of
from streams.touches.clicks import PARAMETERS

DOCS = Path(__file__).parents[3] / "docs" / "channels.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w ]+) \|$", re.MULTILINE)


def came(query: str, referrer: str | None = None, campaign: Campaign | None = None, ad: str | None = None) -> Source:
    found = source_of(campaign, f"https://www.example.com/?{query}", referrer, WebSites(), ad)
    assert found is not None
    return found


def test_the_documented_ids_are_those_of_the_code() -> None:
    documented = {name: (network, channel) for name, network, channel in ROW.findall(DOCS.read_text())}
    assert documented == {name: (click.network, click.channel) for name, click in PARAMETERS.items()} != {}


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_id_alone_names_its_network_and_channel(name: str) -> None:
    found = came(f"{name}=abc")
    assert (found.click, found.channel) == (PARAMETERS[name].network, PARAMETERS[name].channel)


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_empty_id_says_nothing(name: str) -> None:
    assert came(f"{name}=") == came("")


@pytest.mark.parametrize(
    ("query", "referrer", "channel"),
    [
        ("gclid=1", "https://www.linkedin.com/", "Organic Social"),
        ("gclid=1", "https://chatgpt.com/", "AI chat"),
        ("gclid=1", "https://www.bing.com/", "Organic Search"),
        ("msclkid=1", "https://www.google.com/", "Organic Search"),
        ("li_fat_id=1", "https://duckduckgo.com/", "Organic Search"),
        ("fbclid=1", "https://t.co/", "Organic Social"),
        ("gclid=1&utm_source=facebook", None, "Organic Social"),
        ("gclid=1&utm_source=google&utm_medium=email", None, "Email"),
        ("gclid=1&utm_source=spring-mail", None, "Unknown"),
    ],
)
def test_a_stale_id_does_not_speak_for_somebody_else(query: str, referrer: str | None, channel: str) -> None:
    found = came(query, referrer)
    assert (found.click, found.channel) == (None, channel)


@pytest.mark.parametrize(
    ("query", "referrer", "channel"),
    [
        ("gclid=1", "https://www.google.de/", "Paid Search"),
        ("gclid=1", "https://m.youtube.com/", "Paid Video"),
        ("gclid=1", "https://www.nytimes.com/", "Paid Search"),
        ("msclkid=1", "https://duckduckgo.com/", "Paid Search"),
        ("gclid=1&utm_source=google", None, "Paid Search"),
        ("gclid=1&utm_source=google&utm_medium=cpc", None, "Paid Search"),
        ("fbclid=1&utm_medium=cpc", None, "Paid Social"),
        ("fbclid=1", "https://l.instagram.com/", "Organic Social"),
    ],
)
def test_an_id_speaks_for_its_own_network(query: str, referrer: str | None, channel: str) -> None:
    found = came(query, referrer)
    assert found.click is not None
    assert found.channel == channel


def test_of_two_ids_the_one_that_fits_the_referrer_speaks() -> None:
    assert came("gclid=1&fbclid=2", "https://l.facebook.com/").click == "facebook"


@pytest.mark.parametrize(("ad", "network"), [("gclid", "google"), (" Facebook ", "facebook"), ("dataxu", "dataxu")])
def test_the_library_may_say_whose_ad_it_was(ad: str, network: str) -> None:
    assert came("", ad=ad).click == network


def test_an_unknown_network_says_nothing() -> None:
    assert came("", ad="somebody") == came("")
