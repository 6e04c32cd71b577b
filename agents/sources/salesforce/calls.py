"""The one place for calls: every request of simple-salesforce, sign-in included, passes `CarefulSession.request`.

It has a time-out, is counted, and is repeated a limited number of times with jitter where the org says "later" or says
nothing; Retry-After is obeyed.  All our calls may be repeated: reads, sign-ins, jobs nobody looks at, equal values.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests

from agents.sources.salesforce.budget import CallBudget
from agents.sources.salesforce.errors import AwayError, SpentError, StoppedError
from agents.sources.salesforce.metrics import SyncMetrics

SALESFORCE = ".salesforce.com"
ELSEWHERE = "elsewhere.my"
"""What simple-salesforce is told where the login host is not at salesforce.com: it writes that ending by itself."""
LATER = {429, 500, 502, 503, 504}
DAY_SECONDS = 86_400.0
LIMIT_SECONDS = 300.0
"""How long the org is left alone once it has said several times that its limit is exceeded."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take, and how often it is tried."""

    connect_seconds: float = 10.0
    read_seconds: float = 120.0
    """A query may think that long."""
    tries: int = 5
    first_pause_seconds: float = 1.0
    """Doubled each time, less up to a half of it by chance."""
    longest_pause_seconds: float = 60.0
    """Longer is nothing to sit out inside a call: the sync goes on with a wait."""

    def pause_seconds(self, attempt: int, asked: float | None) -> float:
        """Seconds before the try after `attempt` (from 1); `asked`: Retry-After."""
        if asked is not None:
            return asked * random.uniform(1.0, 1.1)  # noqa: S311 - no secret
        own: float = min(self.longest_pause_seconds, self.first_pause_seconds * 2 ** (attempt - 1))
        return own * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class CarefulSession(requests.Session):
    """A session whose calls are counted, limited in time, and repeated with care."""

    def __init__(
        self,
        budget: CallBudget,
        metrics: SyncMetrics,
        *,
        login_url: str,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        stopped: Event | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.trust_env = False  # neither proxies nor .netrc of whoever runs us
        self.verify = str(ca_file) if ca_file else True
        self.budget = budget
        self._metrics = metrics
        self._login_url = login_url
        self._patience = patience or Patience()
        self._stopped = stopped or Event()
        self._now = now
        self._ahead_seconds = 0.0

    def now_ms(self) -> int:
        """Tell the org's time: our clock, corrected by the last answer's date."""
        return int((self._now() + self._ahead_seconds) * 1000)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Make one call, or several until one is answered; raise `TroubleError`."""
        kwargs["timeout"] = self._patience.connect_seconds, self._patience.read_seconds
        address = self._address(str(url))
        problem, asked = "", None
        for attempt in range(1, self._patience.tries + 1):
            if attempt > 1:
                self._pause(attempt - 1, problem, asked)
            answer = self._tried(str(method), address, *args, **kwargs)
            if isinstance(answer, requests.Response):
                problem, asked = _later(answer), _retry_after(answer)
                if not problem:
                    return answer
            else:
                problem, asked = answer, None
        raise self._given_up(problem)

    def _tried(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response | str:
        self.budget.take()
        try:
            answer = super().request(method, url, *args, **kwargs)
        except requests.RequestException as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                text = f"the certificate of {urlsplit(url).netloc} is not trusted: set TOUCHLINE_SALESFORCE_CA_FILE"
                raise AwayError(text) from error
            self._metrics.calls.labels("no-answer").inc()
            return type(error).__name__
        except OSError as error:
            raise AwayError(f"TOUCHLINE_SALESFORCE_CA_FILE, {self.verify}, cannot be used: is it there?") from error
        self._metrics.calls.labels(f"{answer.status_code // 100}xx").inc()
        self.budget.heard(answer.headers)
        self._metrics.calls_left.set(self.budget.left)
        self._set_clock(answer)
        return answer

    def _pause(self, attempt: int, problem: str, asked: float | None) -> None:
        seconds = self._patience.pause_seconds(attempt, asked)
        if seconds > self._patience.longest_pause_seconds * 1.1:
            raise AwayError(f"Salesforce asks to be left alone ({problem})", wait_seconds=seconds)
        self._metrics.retries.labels(problem).inc()
        if self._stopped.wait(seconds):
            raise StoppedError

    def _given_up(self, problem: str) -> AwayError | SpentError:
        tries = self._patience.tries
        if problem == "REQUEST_LIMIT_EXCEEDED":
            return SpentError("the org's API limit is exceeded (REQUEST_LIMIT_EXCEEDED)", wait_seconds=LIMIT_SECONDS)
        return AwayError(f"no good answer in {tries} tries, the last was {problem}; is status.salesforce.com well?")

    def _address(self, url: str) -> str:
        """Put the login host of the settings where simple-salesforce can only write one at salesforce.com."""
        fixed = f"https://{ELSEWHERE}{SALESFORCE}/"
        return self._login_url + "/" + url.removeprefix(fixed) if url.startswith(fixed) else url

    def _set_clock(self, answer: requests.Response) -> None:
        try:
            said = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return
        self._ahead_seconds = said - self._now()


def _later(answer: requests.Response) -> str:
    """Name what makes it worth to ask again; empty: this is the answer."""
    if answer.status_code == 403 and "REQUEST_LIMIT_EXCEEDED" in answer.text:
        return "REQUEST_LIMIT_EXCEEDED"
    data = "/services/data/" in answer.url or answer.status_code != 500  # a SOAP fault is an answer
    return f"HTTP {answer.status_code}" if answer.status_code in LATER and data else ""


def _retry_after(answer: requests.Response) -> float | None:
    """Read Retry-After, seconds or a date; None where there is none, or none that can be meant."""
    text = answer.headers.get("Retry-After", "")
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return None
    return min(max(0.0, seconds), DAY_SECONDS)
