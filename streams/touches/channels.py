"""Channels: the two names of one visit's origin - Touchline's (PostHog's names) and GA4's default channel group.

Both are tables read from the top; the first line that fits decides.  docs/channels.md lists where they differ and why.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from streams.touches.clicks import Click
from streams.touches.hosts import Kind, Known, known_host, known_source
from streams.touches.media import DISPLAY, EMAIL, HINTING, SOCIAL, TELLING, is_paid, shopping_campaign

DIRECT = "Direct"
_PAID = {
    Kind.search: "Paid Search",
    Kind.social: "Paid Social",
    Kind.video: "Paid Video",
    Kind.shopping: "Paid Shopping",
}
_ORGANIC = {
    Kind.search: "Organic Search",
    Kind.social: "Organic Social",
    Kind.video: "Organic Video",
    Kind.shopping: "Organic Shopping",
    Kind.email: "Email",
    Kind.ai: "AI chat",
}
_DIRECT_SOURCES = frozenset({"", "direct", "(direct)", "$direct"})
_EMAIL_SOURCES = EMAIL | {"newsletter"}


class Evidence(NamedTuple):
    """What is known of a visit's origin, in lower case; empty: nothing."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    tagged: bool = False
    """Whether there is a campaign, if only its term or content."""
    referrer: str = ""
    """Host of another site."""
    click: Click | None = None
    """The click id that is believed."""


def channel_of(visit: Evidence) -> str:
    """Name Touchline's channel.

    | first that fits                     | channel                                                  |
    |-------------------------------------|----------------------------------------------------------|
    | campaign says cross-network         | Cross Network                                            |
    | a paid medium, or a paid click id   | by source, campaign, medium, referrer, click id; else Paid Unknown |
    | nothing known, or source `direct`   | Direct                                                   |
    | anything else                       | by medium, source, campaign, referrer, click id; else Referral, Unknown |
    """
    if "cross-network" in visit.campaign:
        return "Cross Network"
    if is_paid(visit.medium) or (visit.click is not None and visit.click.paid):
        return _paid_channel(visit)
    if _is_direct(visit):
        return DIRECT
    return _unpaid_channel(visit)


def ga4_of(visit: Evidence) -> str:
    """Name GA4's default channel group: from the tags alone, else from the referrer.  Click ids say nothing here."""
    tags = _ga4_tags(visit)
    return next((channel for channel, fits in GA4_RULES if fits(tags)), "Unassigned")


def _is_direct(visit: Evidence) -> bool:
    other_tags = visit.medium or (visit.tagged and not visit.source)
    known = visit.referrer or visit.click or other_tags
    return not known and visit.source in _DIRECT_SOURCES


def _paid_channel(visit: Evidence) -> str:
    return (
        _named(_PAID, known_source(visit.source))
        or ("Paid Shopping" if shopping_campaign(visit.campaign) else None)
        or TELLING.get(visit.medium)
        or _named(_PAID, known_host(visit.referrer))
        or (visit.click.channel if visit.click and visit.click.paid else None)
        or ("Paid Video" if "video" in visit.campaign else None)
        or ("Paid Social" if visit.click else None)
        or "Paid Unknown"
    )


def _unpaid_channel(visit: Evidence) -> str:
    return (
        TELLING.get(visit.medium)
        or ("Push" if visit.medium.endswith("push") else None)
        or ("Email" if visit.source in _EMAIL_SOURCES else None)
        or ("SMS" if visit.source == "sms" else None)
        or _named(_ORGANIC, known_source(visit.source))
        or ("Organic Shopping" if shopping_campaign(visit.campaign) else None)
        or HINTING.get(visit.medium)
        or _named(_ORGANIC, known_host(visit.referrer))
        or ("Organic Video" if "video" in visit.campaign else None)
        or (visit.click.channel if visit.click else None)
        or ("Referral" if visit.referrer else "Unknown")
    )


def _named(names: dict[Kind, str], known: Known | None) -> str | None:
    return names.get(known.kind) if known else None


class _Tags(NamedTuple):
    """What GA4 sees: (not set) is empty."""

    source: str
    medium: str
    campaign: str
    kind: Kind | None


def _ga4_tags(visit: Evidence) -> _Tags:
    if visit.tagged:
        known = known_source(visit.source)
        return _Tags(visit.source, visit.medium, visit.campaign, known.kind if known else None)
    if visit.referrer:
        known = known_host(visit.referrer)
        kind = known.kind if known else None
        return _Tags(visit.referrer, "organic" if kind is Kind.search else "referral", "", kind)
    return _Tags("(direct)", "(none)", "", None)


_ga4_paid = re.compile(r"^(?:.*cp.*|ppc|retargeting|paid.*)$").match


def _paid_at(kind: Kind) -> Callable[[_Tags], bool]:
    return lambda tags: tags.kind is kind and _ga4_paid(tags.medium) is not None


GA4_RULES: tuple[tuple[str, Callable[[_Tags], bool]], ...] = (
    (DIRECT, lambda tags: tags.source in ("direct", "(direct)") and tags.medium in ("", "(none)", "(not set)")),
    ("Cross-network", lambda tags: "cross-network" in tags.campaign),
    (
        "Paid Shopping",
        lambda tags: (
            (tags.kind is Kind.shopping or bool(shopping_campaign(tags.campaign)))
            and _ga4_paid(tags.medium) is not None
        ),
    ),
    ("Paid Search", _paid_at(Kind.search)),
    ("Paid Social", _paid_at(Kind.social)),
    ("Paid Video", _paid_at(Kind.video)),
    ("Display", lambda tags: tags.medium in DISPLAY),
    ("Paid Other", lambda tags: _ga4_paid(tags.medium) is not None),
    ("Organic Shopping", lambda tags: tags.kind is Kind.shopping or bool(shopping_campaign(tags.campaign))),
    ("Organic Social", lambda tags: tags.kind is Kind.social or tags.medium in SOCIAL),
    ("Organic Video", lambda tags: tags.kind is Kind.video or "video" in tags.medium),
    ("Organic Search", lambda tags: tags.kind is Kind.search or tags.medium == "organic"),
    ("Referral", lambda tags: tags.medium in ("referral", "app", "link")),
    ("Email", lambda tags: tags.source in EMAIL or tags.medium in EMAIL),
    ("Affiliates", lambda tags: tags.medium == "affiliate"),
    ("Audio", lambda tags: tags.medium == "audio"),
    ("SMS", lambda tags: "sms" in (tags.source, tags.medium)),
    (
        "Mobile Push Notifications",
        lambda tags: (
            tags.medium.endswith("push")
            or "mobile" in tags.medium
            or "notification" in tags.medium
            or tags.source == "firebase"
        ),
    ),
)
"""(group, when it fits), as Google lists them for manual tagging."""
