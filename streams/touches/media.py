"""Words of campaigns: what a utm_medium and a campaign's name say by themselves.  All in lower case."""

import re

PAID = frozenset({"cpc", "cpm", "cpv", "cpa", "ppc", "retargeting"})

EMAIL = frozenset({"email", "e-mail", "e_mail", "e mail"})
SOCIAL = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})

TELLING = {
    **dict.fromkeys(DISPLAY, "Display"),
    **dict.fromkeys(EMAIL | {"newsletter"}, "Email"),
    **dict.fromkeys(("affiliate", "affiliates"), "Affiliate"),
    **dict.fromkeys(("audio", "podcast"), "Audio"),
    "sms": "SMS",
    **dict.fromkeys(("mobile", "notification"), "Push"),
    **dict.fromkeys(("paidsearch", "paid_search", "paid-search", "paid search"), "Paid Search"),
    **dict.fromkeys(("paidsocial", "paid_social", "paid-social", "paid social"), "Paid Social"),
    **dict.fromkeys(("paidvideo", "paid_video", "paid-video", "paid video"), "Paid Video"),
    **dict.fromkeys(("paidshopping", "paid_shopping", "paid-shopping", "paid shopping"), "Paid Shopping"),
    "retargeting": "Display",
}
"""{utm_medium: channel}: words that name the channel, whoever the source is."""

HINTING = {
    "organic": "Organic Search",
    **dict.fromkeys(SOCIAL, "Organic Social"),
    **dict.fromkeys(("video", "organic_video", "organic-video"), "Organic Video"),
    **dict.fromkeys(("shopping", "organic_shopping", "organic-shopping"), "Organic Shopping"),
    **dict.fromkeys(("referral", "app", "link"), "Referral"),
}
"""{utm_medium: channel}: words that a known source makes more precise."""

shopping_campaign = re.compile(r"(?:^|[^a-df-z])shop|shopping").search
"""Finds `shop` as a word and `shopping` anywhere in a campaign's name; not `workshop`, but `eshop`."""


def is_paid(medium: str) -> bool:
    """Tell whether a medium says that the visit was paid for."""
    return medium in PAID or medium.startswith("paid")
