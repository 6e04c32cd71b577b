"""Room 1c.  Bots: is this user agent a crawler?  By the list of the package crawler-user-agents, offline."""

from functools import lru_cache

import crawleruseragents

LONGEST = 512
"""Characters of a user agent that are looked at: crawlers name themselves early, and the cache must stay small."""


def is_bot(user_agent: str | None) -> bool:
    """Tell whether a user agent names a crawler, monitor or script; an absent one does not."""
    return _is_crawler(user_agent[:LONGEST]) if user_agent else False


@lru_cache(maxsize=16_384)
def _is_crawler(user_agent: str) -> bool:
    # 170 us uncached: some hundred patterns.
    return bool(crawleruseragents.is_crawler(user_agent))
