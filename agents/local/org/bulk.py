"""The org, part 9.  Bulk API 2.0: query jobs with results in CSV behind locators, and ingest jobs that update records.

A job is done at its second look: a client that does not wait for it finds nothing.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agents.local.org import times
from agents.local.org.faults import refused
from agents.local.org.soql import SoqlError, parse
from agents.local.org.store import NoRecordError, Org
from streams.instants import iso


@dataclass(slots=True)
class Job:
    """One job of either kind."""

    id: str
    entity: str
    operation: str
    state: str
    fields: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    """What a query found; what an ingest was given."""
    failed: list[dict[str, str]] = field(default_factory=list)

    def info(self) -> dict[str, Any]:
        """Say how it stands."""
        numbers = {"numberRecordsProcessed": len(self.rows), "numberRecordsFailed": len(self.failed)}
        return {"id": self.id, "operation": self.operation, "object": self.entity, "state": self.state} | numbers


class Jobs:
    """All jobs of the org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.jobs: dict[str, Job] = {}

    def routes(self) -> list[Route]:
        """Paths under `/services/data/v<version>`."""
        paths: list[tuple[str, Callable[[Request], Any], str]] = [
            ("/jobs/query", self.open_query, "POST"),
            ("/jobs/query/{id}", self.look, "GET"),
            ("/jobs/query/{id}/results", self.results, "GET"),
            ("/jobs/ingest", self.open_ingest, "POST"),
            ("/jobs/ingest/{id}", self.look, "GET"),
            ("/jobs/ingest/{id}", self.close, "PATCH"),
            ("/jobs/ingest/{id}/batches", self.upload, "PUT"),
            ("/jobs/ingest/{id}/failedResults", self.failures, "GET"),
        ]
        return [Route(path, endpoint, methods=[method]) for path, endpoint, method in paths]

    async def open_query(self, request: Request) -> Response:
        """Make a query job; its rows are those of this moment."""
        asked = await request.json()
        try:
            query = parse(asked["query"])
        except SoqlError as error:
            return refused(400, "INVALID_QUERY", str(error))
        deleted = asked["operation"] == "queryAll" or query.all_rows
        rows = query.run(self._org.rows(query.entity, deleted=deleted))
        job = self._new(query.entity, asked["operation"], "UploadComplete")
        job.fields, job.rows = query.fields, list(rows)
        return JSONResponse(job.info())

    async def look(self, request: Request) -> Response:
        """Say how a job stands; what was uploaded is done by the next look."""
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            return refused(404, "NOT_FOUND", "The requested resource does not exist")
        info = job.info()
        if job.state == "UploadComplete":
            job.state = "JobComplete"
        return JSONResponse(info)

    async def results(self, request: Request) -> Response:
        """Give the rows from a locator on, as CSV."""
        job = self.jobs.get(request.path_params["id"])
        if job is None or job.state != "JobComplete":
            return refused(404, "NOT_FOUND", "The requested resource does not exist")
        start = int(request.query_params.get("locator") or 0)
        end = start + int(request.query_params.get("maxRecords") or 50_000)
        page = job.rows[start:end]
        locator = str(end) if end < len(job.rows) else "null"
        headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(len(page))}
        kinds = self._org.schema.fields(job.entity)
        lines = ([_cell(kinds[name], row[name]) for name in job.fields] for row in page)
        return Response(_csv(job.fields, lines), media_type="text/csv", headers=headers)

    async def open_ingest(self, request: Request) -> Response:
        """Make a job that updates."""
        asked = await request.json()
        if asked["operation"] != "update":
            return refused(400, "INVALIDOPERATION", "this org only updates in bulk")
        return JSONResponse(self._new(asked["object"], "update", "Open").info())

    async def upload(self, request: Request) -> Response:
        """Take the rows of an open job."""
        job = self.jobs.get(request.path_params["id"])
        if job is None or job.state != "Open":
            return refused(400, "INVALIDJOBSTATE", "job is not open")
        job.rows = list(csv.DictReader(io.StringIO((await request.body()).decode())))
        return Response(status_code=201)

    async def close(self, request: Request) -> Response:
        """Run the job."""
        job = self.jobs.get(request.path_params["id"])
        if job is None or job.state != "Open":
            return refused(400, "INVALIDJOBSTATE", "job is not open")
        job.state = str((await request.json())["state"])
        for row in job.rows:
            self._update(job, row)
        return JSONResponse(job.info())

    async def failures(self, request: Request) -> Response:
        """Give the rows that could not be updated, with the reason."""
        job = self.jobs[request.path_params["id"]]
        lines = [[row["sf__Id"], row["sf__Error"]] for row in job.failed]
        return Response(_csv(["sf__Id", "sf__Error"], lines), media_type="text/csv")

    def _update(self, job: Job, row: Mapping[str, str]) -> None:
        kinds = self._org.schema.fields(job.entity)
        try:
            values = {name: _value(kinds[name], text) for name, text in row.items() if name != "Id" and text}
            self._org.update(row["Id"], **values)
        except NoRecordError:
            job.failed.append({"sf__Id": row["Id"], "sf__Error": "ENTITY_IS_DELETED:entity is deleted:--"})
        except KeyError as error:
            job.failed.append({"sf__Id": row["Id"], "sf__Error": f"INVALID_FIELD:No such column {error}:--"})

    def _new(self, entity: str, operation: str, state: str) -> Job:
        job = Job(f"7505e{len(self.jobs) + 1:010d}AAA", entity, operation, state)
        self.jobs[job.id] = job
        return job


def _csv(heads: list[str], lines: Iterable[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()


def _cell(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "datetime":
        return iso(times.read(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(kind: str, text: str) -> Any:
    """Read a cell of an upload; `#N/A` clears the field."""
    if text == "#N/A":
        return None
    if kind == "boolean":
        return text.lower() == "true"
    if kind == "datetime":
        return times.rest(times.read(text))
    return float(text) if kind in {"double", "int", "currency"} else text
