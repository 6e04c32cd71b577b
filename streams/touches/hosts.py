"""Known hosts: which search engine, social network, video site, shop, mailbox or AI chat a host or a utm_source is.

Our own table of facts.  A host that is not in it is an ordinary site: a referral.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from streams.touches.sites import parents, registrable


class Kind(StrEnum):
    """What a known host is for."""

    search = "search"
    social = "social"
    video = "video"
    shopping = "shopping"
    email = "email"
    ai = "ai"


class Known(NamedTuple):
    """A known host: its kind, and the ad network that sells its space (or its own name)."""

    kind: Kind
    network: str


_BRANDS = {
    Kind.search: "google yahoo yandex",
    Kind.shopping: "amazon ebay aliexpress etsy shopee lazada mercadolivre mercadolibre",
    Kind.social: "pinterest",
}
"""Names under many top-level domains: the first label of the registrable domain decides."""

_BRAND_ENDS = re.compile(r"com|[a-z]{2}|com?\.[a-z]{2}").fullmatch
"""Where brands live: not `google.github.io`."""

_FRONT_DOORS = frozenset({"www", "m", "search", "r", "images", "cse", "encrypted"})
"""First labels under which a search brand searches; `docs.google.com` is an ordinary site."""

_HOSTS: tuple[tuple[Kind, str, str], ...] = (
    (Kind.search, "google", "com.google.android.googlequicksearchbox syndicatedsearch.goog"),
    (Kind.search, "microsoft", "bing.com msn.com cn.bing.com"),
    (Kind.search, "yandex", "ya.ru yandex.com.tr"),
    (Kind.search, "baidu", "baidu.com"),
    (Kind.search, "duckduckgo", "duckduckgo.com com.duckduckgo.mobile.android"),
    (Kind.search, "brave", "search.brave.com"),
    (Kind.search, "ecosia", "ecosia.org"),
    (Kind.search, "startpage", "startpage.com"),
    (Kind.search, "qwant", "qwant.com"),
    (Kind.search, "kagi", "kagi.com"),
    (Kind.search, "naver", "search.naver.com naver.com"),
    (Kind.search, "daum", "search.daum.net"),
    (Kind.search, "seznam", "seznam.cz"),
    (Kind.search, "sogou", "sogou.com"),
    (Kind.search, "so", "so.com"),
    (Kind.search, "ask", "ask.com"),
    (Kind.search, "aol", "search.aol.com aol.com"),
    (Kind.search, "mojeek", "mojeek.com"),
    (Kind.search, "swisscows", "swisscows.com"),
    (Kind.search, "dogpile", "dogpile.com"),
    (Kind.search, "coccoc", "coccoc.com"),
    (Kind.search, "rambler", "rambler.ru"),
    (Kind.social, "facebook", "facebook.com fb.com fb.me messenger.com instagram.com threads.net threads.com"),
    (Kind.social, "facebook", "com.facebook.katana com.facebook.orca com.instagram.android whatsapp.com wa.me"),
    (Kind.social, "linkedin", "linkedin.com lnkd.in com.linkedin.android"),
    (Kind.social, "twitter", "twitter.com x.com t.co com.twitter.android"),
    (Kind.social, "tiktok", "tiktok.com com.zhiliaoapp.musically"),
    (Kind.social, "reddit", "reddit.com redd.it com.reddit.frontpage"),
    (Kind.social, "snapchat", "snapchat.com"),
    (Kind.social, "pinterest", "pin.it com.pinterest"),
    (Kind.social, "bluesky", "bsky.app go.bsky.app"),
    (Kind.social, "mastodon", "mastodon.social mastodon.online"),
    (Kind.social, "hackernews", "news.ycombinator.com"),
    (Kind.social, "quora", "quora.com"),
    (Kind.social, "tumblr", "tumblr.com"),
    (Kind.social, "discord", "discord.com discord.gg"),
    (Kind.social, "telegram", "t.me telegram.org web.telegram.org org.telegram.messenger"),
    (Kind.social, "slack", "app.slack.com com.slack"),
    (Kind.social, "vk", "vk.com vk.ru ok.ru"),
    (Kind.social, "weibo", "weibo.com weibo.cn"),
    (Kind.social, "wechat", "wechat.com weixin.qq.com"),
    (Kind.social, "xing", "xing.com"),
    (Kind.social, "stackoverflow", "stackoverflow.com stackexchange.com"),
    (Kind.social, "producthunt", "producthunt.com"),
    (Kind.social, "medium", "medium.com"),
    (Kind.social, "nextdoor", "nextdoor.com"),
    (Kind.social, "line", "line.me"),
    (Kind.video, "google", "youtube.com youtu.be com.google.android.youtube youtube-nocookie.com"),
    (Kind.video, "vimeo", "vimeo.com"),
    (Kind.video, "twitch", "twitch.tv"),
    (Kind.video, "dailymotion", "dailymotion.com"),
    (Kind.video, "wistia", "wistia.com"),
    (Kind.video, "loom", "loom.com"),
    (Kind.video, "bilibili", "bilibili.com"),
    (Kind.video, "youku", "youku.com"),
    (Kind.video, "netflix", "netflix.com"),
    (Kind.shopping, "google", "shopping.google.com"),
    (Kind.shopping, "alibaba", "alibaba.com taobao.com tmall.com"),
    (Kind.shopping, "shopify", "shop.app"),
    (Kind.shopping, "walmart", "walmart.com"),
    (Kind.shopping, "flipkart", "flipkart.com"),
    (Kind.shopping, "rakuten", "rakuten.co.jp"),
    (Kind.shopping, "idealo", "idealo.de idealo.co.uk"),
    (Kind.email, "google", "mail.google.com inbox.google.com com.google.android.gm"),
    (Kind.email, "microsoft", "outlook.com outlook.live.com outlook.office.com outlook.office365.com mail.live.com"),
    (Kind.email, "yahoo", "mail.yahoo.com com.yahoo.mobile.client.android.mail"),
    (Kind.email, "yandex", "mail.yandex.ru mail.yandex.com"),
    (Kind.email, "aol", "mail.aol.com"),
    (Kind.email, "proton", "mail.proton.me"),
    (Kind.email, "zoho", "mail.zoho.com mail.zoho.eu"),
    (Kind.email, "superhuman", "mail.superhuman.com"),
    (Kind.email, "others", "mail.qq.com mail.163.com webmail.free.fr navigator-bs.gmx.com deref-gmx.com deref-web.de"),
    (Kind.ai, "openai", "chatgpt.com chat.openai.com com.openai.chatgpt"),
    (Kind.ai, "anthropic", "claude.ai"),
    (Kind.ai, "perplexity", "perplexity.ai ai.perplexity.app.android"),
    (Kind.ai, "google", "gemini.google.com bard.google.com notebooklm.google.com aistudio.google.com"),
    (Kind.ai, "microsoft", "copilot.microsoft.com copilot.cloud.microsoft m365.cloud.microsoft"),
    (Kind.ai, "twitter", "grok.com"),
    (Kind.ai, "facebook", "meta.ai"),
    (Kind.ai, "deepseek", "chat.deepseek.com deepseek.com"),
    (Kind.ai, "mistral", "chat.mistral.ai mistral.ai"),
    (Kind.ai, "others", "you.com phind.com poe.com pi.ai qwen.ai chat.qwen.ai kimi.com doubao.com"),
)

_NICKNAMES: tuple[tuple[str, str], ...] = (
    ("google.com", "adwords googleads google_ads google-ads gads"),
    ("bing.com", "bing bing_ads bing-ads bingads microsoft_ads msads"),
    ("facebook.com", "facebook fb meta ig insta instagram threads facebook_ads meta_ads whatsapp"),
    ("linkedin.com", "linkedin li linkedin_ads"),
    ("twitter.com", "twitter x twitter_ads"),
    ("youtube.com", "youtube yt"),
    ("duckduckgo.com", "duckduckgo ddg"),
    ("news.ycombinator.com", "hackernews hacker_news hn"),
    ("mail.google.com", "gmail"),
    ("outlook.com", "outlook"),
    ("chatgpt.com", "chatgpt openai"),
    ("claude.ai", "claude"),
    ("gemini.google.com", "gemini bard"),
    ("copilot.microsoft.com", "copilot"),
    ("perplexity.ai", "perplexity"),
    ("chat.deepseek.com", "deepseek"),
)
"""What campaigns write for a host: (host, values of utm_source)."""

_AMBIGUOUS = frozenset({"others", "so", "ask", "line", "shopify", "microsoft"})
"""Networks whose name as a utm_source does not say the kind of site."""

BY_DOMAIN = {host: Known(kind, network) for kind, network, hosts in _HOSTS for host in hosts.split()}
_BY_BRAND = {name: Known(kind, name) for kind, names in _BRANDS.items() for name in names.split()}


@lru_cache(maxsize=16_384)
def known_host(host: str) -> Known | None:
    """Look a host up: the nearest of it and the domains above it that the tables have; None: an ordinary site."""
    for domain in parents(host):
        if domain in BY_DOMAIN:
            return BY_DOMAIN[domain]
    base = registrable(host)
    name, _, end = base.partition(".")
    brand = _BY_BRAND.get(name) if _BRAND_ENDS(end) else None
    below = host.removesuffix(base).rstrip(".")
    return brand if brand and (brand.kind is not Kind.search or _is_front_door(below)) else None


def known_source(source: str) -> Known | None:
    """Look a utm_source up (lower case): a host like `chatgpt.com`, a network's name, or a nickname of it."""
    if found := _BY_SOURCE.get(source):
        return found
    return known_host(source) if "." in source else None


def _is_front_door(below: str) -> bool:
    # Two letters: a country (`uk.search.yahoo.com`).
    return all(len(label) <= 2 or label in _FRONT_DOORS for label in below.split("."))


def _sources() -> dict[str, Known]:
    """{utm_source: what it is}; where a network has several kinds, search before social before video."""
    names: dict[str, Known] = dict(_BY_BRAND)
    for kind, network, _ in _HOSTS:
        if network not in _AMBIGUOUS:
            names.setdefault(network, Known(kind, network))
    for host, nicknames in _NICKNAMES:
        found = known_host(host)
        names |= {name: found for name in nicknames.split() if found}
    return names


_BY_SOURCE = _sources()
