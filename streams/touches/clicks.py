"""Ad click ids: which ad network sent a visit.  An id speaks only for its own network.

A link copied from the address bar keeps the id of the ad that its first reader clicked.  Shared on a social network it
would count as paid for ever: so an id is not believed where the visit plainly comes from somebody else's site.
"""

from collections.abc import Container, Mapping
from typing import NamedTuple

from streams.touches.hosts import Kind, Known, known_source
from streams.touches.media import is_paid


class Click(NamedTuple):
    """What one kind of click id stands for."""

    network: str
    channel: str
    """The channel of a visit about which only this id is known."""
    paid: bool = True
    """False: the network puts the id on every outgoing link, ad or not."""


_GOOGLE = Click("google", "Paid Search")
_MICROSOFT = Click("microsoft", "Paid Search")
_FACEBOOK = Click("facebook", "Organic Social", paid=False)
_TIKTOK = Click("tiktok", "Paid Social")
_TWITTER = Click("twitter", "Paid Social")
_LINKEDIN = Click("linkedin", "Paid Social")
_YANDEX = Click("yandex", "Paid Search")
_DISPLAY = Click("google", "Display")

PARAMETERS: Mapping[str, Click] = {
    "gclid": _GOOGLE,
    "gbraid": _GOOGLE,
    "wbraid": _GOOGLE,
    "dclid": _DISPLAY,
    "msclkid": _MICROSOFT,
    "fbclid": _FACEBOOK,
    "ttclid": _TIKTOK,
    "twclid": _TWITTER,
    "li_fat_id": _LINKEDIN,
    "yclid": _YANDEX,
}
"""{query parameter of the landing page: what it stands for}; of several believed ones the first here counts."""

AD_TYPES: Mapping[str, Click] = {
    **PARAMETERS,
    **dict.fromkeys(("google", "google-ads", "googleads", "adwords"), _GOOGLE),
    "doubleclick": _DISPLAY,
    **dict.fromkeys(("microsoft", "bing"), _MICROSOFT),
    "facebook": _FACEBOOK,
    "tiktok": _TIKTOK,
    "twitter": _TWITTER,
    "linkedin": _LINKEDIN,
    "yandex": _YANDEX,
    "dataxu": Click("dataxu", "Display"),
    "millennial-media": Click("millennial-media", "Display"),
}
"""{`type` of Segment's `context.referrer`, lower case: what it stands for}."""

_SELL_SEARCH = frozenset({"google", "microsoft", "yandex"})
"""Networks whose ads other search engines show."""


def clicks(parameters: Container[str], ad_type: str) -> list[Click]:
    """List what the click ids of a visit say: those among the landing page's parameters, then `context.referrer`'s."""
    found = [click for name, click in PARAMETERS.items() if name in parameters]
    other = AD_TYPES.get(ad_type.lower())
    return [*found, other] if other else found


def is_believed(click: Click, *, source: str, medium: str, referrer: Known | None) -> bool:
    """Tell whether a click id agrees with what else is known of the visit.

    | known                                | believed                                                  |
    |--------------------------------------|-----------------------------------------------------------|
    | a medium that is not a paid one      | no: the campaign says what it is                          |
    | a source                             | if it is the network's own                                |
    | no source, a known host as referrer  | if it is the network's own, or shows its search ads       |
    | no source, any other referrer        | yes: ads stand on ordinary sites                          |
    """
    if medium and not is_paid(medium):
        return False
    if source:
        known = known_source(source)
        return known is not None and known.network == click.network
    if referrer is None or referrer.network == click.network:
        return True
    shows_others = referrer.kind is Kind.search and referrer.network not in _SELL_SEARCH
    return shows_others and click.network in _SELL_SEARCH
