"""The source of a visit: campaign, then ad click id, then referrer; own sites continue; else direct."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from streams.events import Source
from streams.touches.channels import Evidence, channel_of, ga4_of
from streams.touches.clicks import Click, clicks, is_believed
from streams.touches.hosts import known_host
from streams.touches.sites import WebSites, continues
from streams.touches.urls import Address, parameters, parse

MAX_VALUE = 200
"""Characters of a campaign value; what is longer is cut."""
MAX_LANDING = 300
"""Characters of host and path; what is longer is cut."""
CACHED_CHARACTERS = 1_024
"""Longest addresses and campaign together that are remembered: bounds the cache to some 20 MB."""


class Campaign(msgspec.Struct, frozen=True, gc=False):
    """Segment's `context.campaign`; None and blanks are absent."""

    name: str | None = None
    source: str | None = None
    medium: str | None = None
    term: str | None = None
    content: str | None = None


_NO_CAMPAIGN = Campaign()
_NOTHING = frozenset({"(none)", "(not set)", "none", "null", "undefined"})
"""What tools write where they mean no value."""


def source_of(
    campaign: Campaign | None,
    page_url: str | None,
    referrer: str | None,
    sites: WebSites,
    ad_type: str | None = None,
) -> Source | None:
    """Work out what brought a visit; None: nothing new, it continues what had begun before.

    `ad_type` is the `type` of Segment's `context.referrer` where that has an id.  The first that is there decides:

    | there is                                               | source                              |
    |--------------------------------------------------------|-------------------------------------|
    | `context.campaign`, else utm_* in the page's query     | the campaign                        |
    | an ad click id that agrees with the referrer           | the ad network                      |
    | a referrer on an own site, a gateway, a sign-in host   | None                                |
    | any other referrer with a host                         | the referrer                        |
    | nothing                                                | `Direct`                            |

    Unreadable addresses count as absent.
    """
    known = campaign or _NO_CAMPAIGN
    if _size(campaign, page_url, referrer, ad_type) > CACHED_CHARACTERS:
        return _work_out(known, page_url, referrer, sites, ad_type)
    return _remembered(known, page_url, referrer, sites, ad_type)


def has_values(campaign: Campaign | None) -> bool:
    """Tell whether a campaign says anything."""
    return campaign is not None and any(map(_trim, msgspec.structs.astuple(campaign)))


def _size(campaign: Campaign | None, page_url: str | None, referrer: str | None, ad_type: str | None) -> int:
    size = len(page_url or "") + len(referrer or "") + len(ad_type or "")
    return size if campaign is None else size + sum(len(value or "") for value in msgspec.structs.astuple(campaign))


def _work_out(
    campaign: Campaign, page_url: str | None, referrer: str | None, sites: WebSites, ad_type: str | None
) -> Source | None:
    page, came_from = parse(page_url), _referrer(referrer)
    query = parameters(page.query)
    tags = _tags(campaign, query)
    passing = bool(came_from.host) and continues(came_from.host, page.host, sites)
    external = "" if passing else came_from.host
    click = _click(query, ad_type, tags, external)
    if passing and not tags and click is None:
        return None
    return _source(tags, click, external, page)


_remembered = lru_cache(maxsize=8_192)(_work_out)


def _source(tags: Mapping[str, str], click: Click | None, external: str, page: Address) -> Source:
    visit = Evidence(
        source=_word(tags, "source"),
        medium=_word(tags, "medium"),
        campaign=_word(tags, "campaign"),
        tagged=bool(tags),
        referrer=external,
        click=click,
    )
    channel, ga4 = _channels(visit)
    return Source(
        channel=channel,
        ga4=ga4,
        click=click.network if click else None,
        referrer=external or None,
        landing=f"{page.host}{page.path}"[:MAX_LANDING] or None,
        **tags,
    )


def _referrer(url: str | None) -> Address:
    return _known_referrer(url) if url and len(url) <= CACHED_CHARACTERS else parse(url)


# Pages come with ever new queries, referrers do not.
_known_referrer = lru_cache(maxsize=8_192)(parse)


@lru_cache(maxsize=4_096)
def _channels(visit: Evidence) -> tuple[str, str]:
    return channel_of(visit), ga4_of(visit)


def _tags(campaign: Campaign, query: Mapping[str, str]) -> dict[str, str]:
    """{field of `Source`: value} of the campaign in the event, else of that in the page's address."""
    said = {
        "campaign": campaign.name,
        "source": campaign.source,
        "medium": campaign.medium,
        "term": campaign.term,
        "content": campaign.content,
    }
    given = {field: value for field, text in said.items() if (value := _trim(text))}
    return given or {field: value for field in said if (value := _trim(query.get(f"utm_{field}")))}


def _word(tags: Mapping[str, str], field: str) -> str:
    word = tags.get(field, "").lower()
    return "" if word in _NOTHING else word


def _trim(text: str | None) -> str:
    return text.strip()[:MAX_VALUE].strip() if text else ""


def _click(query: Mapping[str, str], ad_type: str | None, tags: Mapping[str, str], external: str) -> Click | None:
    found = clicks(query, (ad_type or "").strip())
    if not found:
        return None
    source, medium = _word(tags, "source"), _word(tags, "medium")
    known = known_host(external) if external else None
    return next((one for one in found if is_believed(one, source=source, medium=medium, referrer=known)), None)
