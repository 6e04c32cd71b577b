"""The org, part 10.  The REST interface: query, objects and records, what changed, collections, limits, and the doors.

The shapes are those that simple-salesforce and our own source read; what nobody reads is left out.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from agents.local.org import times
from agents.local.org.bulk import Jobs
from agents.local.org.faults import Faults, FaultyApp, refused
from agents.local.org.signin import Doorkeeper
from agents.local.org.soql import Query, Row, SoqlError, parse
from agents.local.org.store import NoRecordError, Org

VERSION = "/services/data/v{version}"


@dataclass(slots=True)
class Interface:
    """How the org shows itself: settings of its interfaces, and what was asked of them."""

    org: Org
    door: Doorkeeper = field(default_factory=Doorkeeper)
    faults: Faults = field(default_factory=Faults)
    page_size: int = 2000
    """Rows of a page of a query."""
    calls_allowed: int = 100_000
    """API calls before REQUEST_LIMIT_EXCEEDED."""
    calls: list[str] = field(default_factory=list)
    """`GET /services/data/...` of every call that came through the door, oldest first."""
    locators: dict[str, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)
    """{locator: (object, rows that are still to come)}."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def app(self) -> FaultyApp:
        """Put the ASGI app together."""
        routes = [
            Route("/services/oauth2/token", self.door.token, methods=["POST"]),
            Route("/services/Soap/u/{version}", self.door.soap, methods=["POST"]),
            Mount(VERSION, routes=[*self._data_routes(), *Jobs(self.org).routes()]),
        ]
        app = Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=self._guard)])
        return FaultyApp(app, self.faults, self.door)

    def _data_routes(self) -> list[Route]:
        paths: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
            ("/query/", self.query, "GET"),
            ("/queryAll/", self.query, "GET"),
            ("/query/{locator}", self.more, "GET"),
            ("/queryAll/{locator}", self.more, "GET"),
            ("/sobjects", self.objects, "GET"),
            ("/sobjects/{entity}/describe", self.describe, "GET"),
            ("/sobjects/{entity}/updated/", self.updated, "GET"),
            ("/sobjects/{entity}/deleted/", self.deleted, "GET"),
            ("/sobjects/{entity}/{id}", self.record, "GET"),
            ("/sobjects/{entity}/{id}", self.change, "PATCH"),
            ("/composite/sobjects", self.change_many, "PATCH"),
            ("/limits/", self.limits, "GET"),
        ]
        return [Route(path, endpoint, methods=[method]) for path, endpoint, method in paths]

    async def query(self, request: Request) -> Response:
        """Run a query and give its first page."""
        try:
            query = parse(request.query_params.get("q", ""))
            kinds = self.org.schema.fields(query.entity)
        except SoqlError as error:
            return refused(400, "MALFORMED_QUERY", str(error))
        except KeyError:
            return refused(400, "INVALID_TYPE", "sObject type is not supported.")
        if unknown := [name for name in query.fields if name not in kinds]:
            return refused(400, "INVALID_FIELD", f"No such column '{unknown[0]}' on entity '{query.entity}'")
        return self._answer(request, query)

    def _answer(self, request: Request, query: Query) -> Response:
        deleted = query.all_rows or "queryAll" in request.url.path
        found = query.run(self.org.rows(query.entity, deleted=deleted))
        if not query.fields:
            return JSONResponse({"totalSize": len(found), "done": True, "records": []})
        shown = [_shown(query.entity, row, query.fields) for row in found]
        return self._page(request, query.entity, shown, len(shown))

    async def more(self, request: Request) -> Response:
        """Give the next page of a query."""
        locator = request.path_params["locator"]
        if locator not in self.locators:
            return refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        entity, rows = self.locators[locator]
        return self._page(request, entity, rows, len(rows))

    def _page(self, request: Request, entity: str, rows: list[dict[str, Any]], total: int) -> Response:
        page, rest = rows[: self.page_size], rows[self.page_size :]
        answer: dict[str, Any] = {"totalSize": total, "done": not rest, "records": page}
        if rest:
            locator = f"0r8xx{next(self._numbers):013d}-{self.page_size}"
            self.locators[locator] = (entity, rest)
            kind = "queryAll" if "queryAll" in request.url.path else "query"
            version = VERSION.format(version=request.path_params["version"])
            answer["nextRecordsUrl"] = f"{version}/{kind}/{locator}"
        return JSONResponse(answer)

    async def objects(self, request: Request) -> Response:
        """List the objects."""
        return JSONResponse({"sobjects": [self.org.schema.summary(name) for name in self.org.schema.objects]})

    async def describe(self, request: Request) -> Response:
        """Describe one object."""
        try:
            return JSONResponse(self.org.schema.describe(request.path_params["entity"]))
        except KeyError:
            return refused(404, "NOT_FOUND", "The requested resource does not exist")

    async def updated(self, request: Request) -> Response:
        """Answer `getUpdated`."""
        start, end = _window(request.query_params)
        found = self.org.updated(request.path_params["entity"], start, end)
        return JSONResponse({"ids": found, "latestDateCovered": times.rest(end)})

    async def deleted(self, request: Request) -> Response:
        """Answer `getDeleted`."""
        start, end = _window(request.query_params)
        found = self.org.deleted(request.path_params["entity"], start, end)
        records = [{"id": each, "deletedDate": times.rest(at // 1000 * 1000)} for each, at in found]
        earliest = times.rest(self.org.now() - 30 * 86_400_000)
        covered = {"earliestDateAvailable": earliest, "latestDateCovered": times.rest(end)}
        return JSONResponse({"deletedRecords": records} | covered)

    async def record(self, request: Request) -> Response:
        """Retrieve one record."""
        entity = request.path_params["entity"]
        try:
            row = self.org.get(request.path_params["id"])
        except NoRecordError:
            return refused(404, "NOT_FOUND", "The requested resource does not exist")
        return JSONResponse(_shown(entity, row, list(self.org.schema.fields(entity))))

    async def change(self, request: Request) -> Response:
        """Update one record."""
        problem = self._changed(request.path_params["entity"], request.path_params["id"], await request.json())
        return refused(400, problem, "the record was not changed") if problem else Response(status_code=204)

    async def change_many(self, request: Request) -> Response:
        """Update up to 200 records; each goes well or not by itself."""
        records = (await request.json())["records"]
        if len(records) > 200:
            return refused(400, "LIMIT_EXCEEDED", "at most 200 records")
        return JSONResponse([self._change_one(dict(record)) for record in records])

    def _change_one(self, record: dict[str, Any]) -> dict[str, Any]:
        entity, record_id = record.pop("attributes")["type"], str(record.pop("id"))
        problem = self._changed(entity, record_id, record)
        errors = [{"statusCode": problem, "message": "the record was not changed", "fields": []}] if problem else []
        return {"id": record_id, "success": not errors, "errors": errors}

    def _changed(self, entity: str, record_id: str, values: Mapping[str, Any]) -> str | None:
        kinds = self.org.schema.fields(entity)
        if not values.keys() <= kinds.keys():
            return "INVALID_FIELD"
        try:
            self.org.update(record_id, **{name: _stored(kinds[name], value) for name, value in values.items()})
        except NoRecordError:
            return "ENTITY_IS_DELETED"
        return None

    async def limits(self, request: Request) -> Response:
        """Say how many calls are left."""
        left = max(0, self.calls_allowed - len(self.calls))
        return JSONResponse({"DailyApiRequests": {"Max": self.calls_allowed, "Remaining": left}})

    async def _guard(self, request: Request, go_on: RequestResponseEndpoint) -> Response:
        """Check the token and the number of calls; tell both, and the org's time, with each answer."""
        if not request.url.path.startswith("/services/data"):
            return await go_on(request)
        if not self.door.admits(request.headers.get("authorization", "")):
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if len(self.calls) >= self.calls_allowed:
            return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.calls.append(f"{request.method} {request.url.path}")
        response = await go_on(request)
        response.headers["Sforce-Limit-Info"] = f"api-usage={len(self.calls)}/{self.calls_allowed}"
        response.headers["Date"] = formatdate(self.org.now() / 1000, usegmt=True)
        return response


def _shown(entity: str, row: Row, fields: list[str]) -> dict[str, Any]:
    return {"attributes": {"type": entity}} | {name: row.get(name) for name in fields}


def _stored(kind: str, value: Any) -> Any:
    return times.rest(times.read(value)) if kind == "datetime" and value is not None else value


def _window(parameters: Mapping[str, str]) -> tuple[int, int]:
    """Read a window of `getUpdated` and `getDeleted`: seconds do not count."""
    start, end = (times.read(parameters[name]) // 60_000 * 60_000 for name in ("start", "end"))
    return start, end
