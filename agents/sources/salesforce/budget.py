"""The budget of API calls: ours, counted over the last 24 hours, and the org's own, as each answer tells it."""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping

from agents.sources.salesforce.errors import SpentError

HOUR_SECONDS = 3600
HOURS = 24
ORG_SHARE = 0.95
"""Of the org's calls we leave the last twentieth to everybody else: people cannot work without it."""
LOOK_SECONDS = 900
"""How often we look whether the org has calls again."""
USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")


class CallBudget:
    """Counts calls by the hour; forgets them at a restart, when the org's own count still holds.

    `now` gives seconds, of any beginning.
    """

    def __init__(self, calls_a_day: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._most = calls_a_day
        self._now = now
        self._hours: deque[list[int]] = deque()
        self._org: tuple[int, int] | None = None
        self._org_heard_at = 0.0

    @property
    def used(self) -> int:
        """Our calls in the last 24 hours, to the hour."""
        self._forget()
        return sum(calls for _, calls in self._hours)

    @property
    def left(self) -> int:
        """Calls that we may still make now."""
        return max(0, self._most - self.used)

    def take(self) -> None:
        """Count one call; raise `SpentError` where there is none left."""
        if self.left == 0:
            hour, _ = self._hours[0]
            wait = (hour + HOURS) * HOUR_SECONDS - self._now()
            text = f"{self._most} API calls in 24 hours are used up; raise TOUCHLINE_SALESFORCE_CALLS_A_DAY or wait"
            raise SpentError(text, wait_seconds=wait)
        self._check_org()
        hour = int(self._now() // HOUR_SECONDS)
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append([hour, 0])
        self._hours[-1][1] += 1

    def heard(self, headers: Mapping[str, str]) -> None:
        """Note how many calls the org has counted, if an answer tells."""
        found = USAGE.search(headers.get("Sforce-Limit-Info", ""))
        if found:
            self._org = int(found[1]), int(found[2])
            self._org_heard_at = self._now()

    def _check_org(self) -> None:
        if self._org is None or self._org[0] < self._org[1] * ORG_SHARE:
            return
        quiet = self._now() - self._org_heard_at
        if quiet < LOOK_SECONDS:
            used, total = self._org
            text = f"the org has used {used} of its {total} API calls; the rest is for its people. Looking again later"
            raise SpentError(text, wait_seconds=LOOK_SECONDS - quiet)

    def _forget(self) -> None:
        oldest = int(self._now() // HOUR_SECONDS) - HOURS
        while self._hours and self._hours[0][0] <= oldest:
            self._hours.popleft()
