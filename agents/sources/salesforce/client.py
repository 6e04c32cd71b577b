"""What we ask Salesforce, call by call, through simple-salesforce: checked answers, or one of our own errors.

It is synchronous: callers run it in a thread.  One at a time: neither the session nor the sign-in is shared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote_plus

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
)

from agents.settings import Settings
from agents.sources.salesforce.calls import CarefulSession
from agents.sources.salesforce.errors import MalformedError, RefusedError, SignInError
from agents.sources.salesforce.records import NOT_READ, Described, csv_rows, instant, rows_of
from agents.sources.salesforce.session import sign_in

T = TypeVar("T")
BULK_PAGE = 5000
"""Records of a page of a Bulk result: what one transaction takes, some MiB."""
MOST_CHARACTERS = 15_000
"""Of a query, escaped: it travels in the address, of which Salesforce takes 16 KB."""
TOLD = frozenset({"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY", "REQUEST_LIMIT_EXCEEDED", "API_DISABLED_FOR_ORG"})
"""Codes whose message speaks of names of ours only; others may quote a value."""
COLLECTION = 200
"""Records that Salesforce updates in one call."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next ones are."""

    rows: list[dict[str, Any]]
    next: str = ""
    """Empty: these were the last."""


class Client:
    """The org, as the sync needs it.  Every method raises `TroubleError`."""

    def __init__(self, settings: Settings, session: CarefulSession) -> None:
        self._settings = settings
        self._session = session
        self._org: Salesforce | None = None
        self._described: dict[str, Described] = {}

    def now_ms(self) -> int:
        """Tell the org's time, milliseconds."""
        return self._session.now_ms()

    def limits(self) -> dict[str, Any]:
        """Return the org's limits as it names them."""
        found = self._asked("limits", lambda org: org.limits())
        return found if isinstance(found, dict) else {}

    def objects(self) -> list[str]:
        """Name the objects that the user may query."""
        found = self._asked("list of objects", lambda org: org.describe()["sobjects"])
        return [each["name"] for each in found if each["queryable"]]

    def describe(self, entity: str) -> Described:
        """Describe an object; the answer is kept until `forget`."""
        if entity not in self._described:
            self._described[entity] = self._asked(f"describe {entity}", lambda org: self._made(entity, org))
        return self._described[entity]

    def forget(self) -> None:
        """Describe anew from now on: fields may have been added."""
        self._described.clear()

    def _made(self, entity: str, org: Salesforce) -> Described:
        said = getattr(org, entity).describe()
        left_out = {name.removeprefix(f"{entity}.") for name in self._settings.salesforce_leave_out}
        kinds = {
            field["name"]: str(field["type"])
            for field in said["fields"]
            if field["type"] not in NOT_READ and (field["name"] not in left_out or field["name"] == "Id")
        }
        return Described(entity, kinds, bool(said["replicateable"]))

    # -- queries

    def count(self, entity: str, where: str = "", *, deleted: bool = False) -> int:
        """Count records."""
        soql = f"SELECT COUNT() FROM {entity} {where}".rstrip()  # noqa: S608 - names are the settings' own
        return int(self._asked(f"count {entity}", lambda org: org.query(soql, include_deleted=deleted)["totalSize"]))

    def page(self, soql: str) -> Page:
        """Ask a query, deleted rows included, and return its first page."""
        if len(quote_plus(soql)) > MOST_CHARACTERS:
            text = f"a query of {len(soql)} characters is too long: name fields in TOUCHLINE_SALESFORCE_LEAVE_OUT"
            raise RefusedError(text, code="TOO_LONG")
        return self._asked("query", lambda org: _page(org.query(soql, include_deleted=True)))

    def more(self, page: Page) -> Page:
        """Return the page after this one."""
        return self._asked("query", lambda org: _page(org.query_more(page.next, identifier_is_url=True)))

    def rows(self, soql: str) -> Iterable[dict[str, Any]]:
        """Ask a query and go through all of its pages."""
        page = self.page(soql)
        yield from page.rows
        while page.next:
            page = self.more(page)
            yield from page.rows

    # -- what changed

    def updated(self, entity: str, start: int, end: int) -> list[str]:
        """Ask getUpdated for the ids in a window, milliseconds."""
        window = _utc(start), _utc(end)
        found = self._asked(f"getUpdated {entity}", lambda org: getattr(org, entity).updated(*window)["ids"])
        return [str(each) for each in found]

    def deleted(self, entity: str, start: int, end: int) -> list[tuple[str, int]]:
        """Ask getDeleted for (id, instant) in a window, milliseconds."""
        where, window = f"getDeleted {entity}", (_utc(start), _utc(end))
        found = self._asked(where, lambda org: getattr(org, entity).deleted(*window)["deletedRecords"])
        return [(str(each["id"]), instant(each["deletedDate"], where)) for each in found]

    # -- Bulk 2.0

    def open_job(self, entity: str, soql: str) -> str:
        """Begin a query job, deleted rows included; return its id."""
        return str(self._bulk(entity, lambda bulk: bulk.create_job("queryAll", soql)["id"]))

    def job_done(self, entity: str, job: str) -> bool:
        """Whether a query job is done; raise `RefusedError` for one that failed, was aborted or has been forgotten."""
        return self._done(entity, job, query=True)

    def update_done(self, entity: str, job: str) -> bool:
        """Whether a job that updates is done; as `job_done`."""
        return self._done(entity, job, query=False)

    def _done(self, entity: str, job: str, *, query: bool) -> bool:
        state = self._bulk(entity, lambda bulk: bulk.get_job(job, query)["state"])
        if state in {"Failed", "Aborted"}:
            raise RefusedError(f"the Bulk job {job} of {entity} is {state}", code=str(state))
        return bool(state == "JobComplete")

    def job_page(self, entity: str, job: str, locator: str) -> Page:
        """Fetch results of a done job from a locator on; empty: from the first."""
        described = self.describe(entity)
        found = self._bulk(entity, lambda bulk: bulk.get_query_results(job, locator, BULK_PAGE))
        rows = list(csv_rows(found["records"], found["number_of_records"], described))
        return Page(rows, str(found["locator"]))

    # -- writing

    def update(self, entity: str, records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Update at most 200 records, each with its `id`; return {id: Salesforce's code} of those that failed."""
        body = {"allOrNone": False, "records": [{"attributes": {"type": entity}} | dict(each) for each in records]}
        done = self._asked(f"update {entity}", lambda org: org.restful("composite/sobjects", method="PATCH", json=body))
        if not isinstance(done, list) or len(done) != len(records):
            raise MalformedError(f"update {entity}: expected one result for each of {len(records)} records")
        pairs = zip(records, done, strict=True)
        return {str(each["id"]): _code(result) for each, result in pairs if not result.get("success")}

    def open_update(self, entity: str, text: str) -> str:
        """Begin a Bulk job that updates the records of a CSV text; return its id."""

        def begin(bulk: Any) -> str:
            job = str(bulk.create_job("update")["id"])
            bulk.upload_job_data(job, text)
            bulk.close_job(job)
            return job

        return self._bulk(entity, begin)

    def failures(self, entity: str, job: str) -> str:
        """Fetch the CSV of what a Bulk job could not update."""
        return str(self._bulk(entity, lambda bulk: bulk.get_ingest_results(job, "failedResults")))

    # -- the only two ways in

    def _bulk(self, entity: str, ask: Callable[[Any], T]) -> T:
        # The public calls of `bulk2` hide job and locator, without which nothing can be resumed.
        return self._asked(f"Bulk {entity}", lambda org: ask(getattr(org.bulk2, entity)._client))

    def _asked(self, what: str, ask: Callable[[Salesforce], T]) -> T:
        try:
            return self._signed_in(ask)
        except SalesforceAuthenticationFailed as error:
            raise SignInError(f"{what}: the org signed us out and refuses a new sign-in ({error.code})") from None
        except SalesforceError as error:
            raise _refused(what, error) from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            # simple-salesforce and we read answers as promised; what is not so ends here.
            raise MalformedError(f"{what}: the answer is not what was promised ({type(error).__name__})") from error

    def _signed_in(self, ask: Callable[[Salesforce], T]) -> T:
        """Ask; sign in first where we are not, and once more where the session ended: Bulk does not do so itself."""
        self._org = self._org or sign_in(self._settings, self._session)
        try:
            return ask(self._org)
        except SalesforceExpiredSession:
            self._org = sign_in(self._settings, self._session)
            return ask(self._org)


def _page(said: Any) -> Page:
    rows = rows_of(said, "query")
    return Page(rows, "" if said["done"] else said["nextRecordsUrl"])


def _refused(what: str, error: SalesforceError) -> RefusedError:
    content: Any = error.content
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    code = str(first.get("errorCode") or f"HTTP {error.status}")
    message = " ".join(str(first.get("message", "")).split())[-200:] if code in TOLD else ""
    return RefusedError(f"{what}: Salesforce refuses it: {code} {message}".rstrip(), code=code)


def _code(result: Mapping[str, Any]) -> str:
    errors = result.get("errors") or [{}]
    return str(errors[0].get("statusCode") or "UNKNOWN")


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
