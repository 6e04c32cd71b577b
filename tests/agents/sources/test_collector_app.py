"""The collector's answers, in process; what needs Kafka is in tests/integration/test_collector.py."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from agents.settings import Settings, SettingsError
from agents.sources.collector import app as collector_app
from agents.sources.collector import build_app
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.collector.publisher import Publisher
from agents.sources.collector.wire import BATCH_BYTES, ENDPOINTS, EVENT_BYTES

EVENT = {"userId": "u1", "event": "Report Viewed"}
KEY = ("k1", "")
Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Clients of collectors that have no Kafka: what would be published gets 503."""
    monkeypatch.delenv("TOUCHLINE_WRITE_KEYS", raising=False)
    clients = []

    def make(**settings: Any) -> httpx.AsyncClient:
        metrics = CollectorMetrics()
        app = build_app(
            Settings(_env_file=None, **({"write_keys": "k1,k2"} | settings)),
            Publisher("127.0.0.1:1", "web-events", metrics),
            metrics,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://collector"))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(connect: Connect) -> httpx.AsyncClient:
    return connect()


def said(response: httpx.Response) -> tuple[int, str]:
    assert response.json()["success"] is False
    return response.status_code, response.json()["error"]


# Who


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_every_path_asks_for_a_write_key(client: httpx.AsyncClient, path: str) -> None:
    body = {"batch": [EVENT]} | EVENT
    status, error = said(await client.post(f"/v1/{path}", json=body))
    assert (status, error.startswith("write key: ")) == (401, True)
    assert said(await client.post(f"/v1/{path}", json=body, auth=KEY))[0] == 503


async def test_the_key_may_be_the_basic_user_or_stand_in_the_body(client: httpx.AsyncClient) -> None:
    with_key = EVENT | {"writeKey": "k2"}
    assert (await client.post("/v1/t", json=EVENT, auth=("k2", ""))).status_code == 503
    assert (await client.post("/v1/t", json=with_key)).status_code == 503
    assert (await client.post("/v1/b", json={"batch": [EVENT], "writeKey": "k2"})).status_code == 503
    assert (await client.post("/v1/t", json=with_key, headers={"Authorization": "Bearer x"})).status_code == 503


async def test_a_wrong_basic_user_is_not_mended_by_the_body(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/t", json=EVENT | {"writeKey": "k1"}, auth=("no", ""))).status_code == 401


async def test_no_401_makes_a_browser_ask_for_a_password(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/t", json=EVENT)
    assert not response.headers["www-authenticate"].lower().startswith("basic")


async def test_keys_come_from_the_file_too(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("k3\n\n  k4  \n")
    client = connect(write_keys="k1", write_keys_file=tmp_path / "keys")
    statuses = [
        (await client.post("/v1/t", json=EVENT, auth=(key, ""))).status_code for key in ("k1", "k3", "k4", "k5")
    ]
    assert statuses == [503, 503, 503, 401]


def test_a_key_file_that_is_not_there_is_a_wrong_setting(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOUCHLINE_WRITE_KEYS_FILE"):
        connect(write_keys_file=tmp_path / "none")


async def test_without_keys_nobody_may_send_and_the_start_says_so(connect: Connect) -> None:
    with capture_logs() as logs:
        client = connect(write_keys="")
    assert ["TOUCHLINE_WRITE_KEYS" in entry["event"] for entry in logs] == [True]
    for response in (await client.post("/v1/t", json=EVENT), await client.post("/v1/t", json=EVENT, auth=("", "x"))):
        assert response.status_code == 401


# How often


async def test_too_many_requests_get_429_and_when_to_come_back(connect: Connect) -> None:
    client = connect(requests_per_second=5)
    responses = [await client.post("/v1/t", json=EVENT, auth=KEY) for _ in range(20)]
    assert {response.status_code for response in responses[5:]} == {429}
    assert responses[-1].headers["retry-after"] == "1"
    assert (await client.post("/v1/t", json=EVENT, auth=("k2", ""))).status_code == 503


# How much


def padded(size: int) -> bytes:
    frame = b'{"userId":"u1","p":""}'
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


def batch(size: int) -> bytes:
    event = padded(1000)
    rest = (size - len(b'{"batch":[]}')) % 1001 + 1
    events = b",".join([event] * ((size - 12) // 1001))
    return b'{"batch":[' + events + b"]}" + b" " * (rest - 1)


@pytest.mark.parametrize(("path", "body"), [("t", padded(EVENT_BYTES)), ("b", batch(BATCH_BYTES - 1000))])
@pytest.mark.parametrize("zipped", [False, True])
async def test_the_largest_bodies_fit(client: httpx.AsyncClient, path: str, body: bytes, zipped: bool) -> None:
    assert (await post(client, path, body, zipped=zipped)).status_code == 503


@pytest.mark.parametrize(("path", "body"), [("t", padded(EVENT_BYTES + 1)), ("b", batch(BATCH_BYTES + 2000))])
@pytest.mark.parametrize("zipped", [False, True])
async def test_larger_ones_do_not(client: httpx.AsyncClient, path: str, body: bytes, zipped: bool) -> None:
    assert said(await post(client, path, body, zipped=zipped))[0] == 413


async def post(client: httpx.AsyncClient, path: str, body: bytes, *, zipped: bool) -> httpx.Response:
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    content = gzip.compress(body) if zipped else body
    return await client.post(f"/v1/{path}", content=content, headers=headers, auth=KEY)


async def test_a_body_of_unknown_length_is_read_no_further_than_its_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            pieces.append(1)
            yield b" " * 10_000

    pieces: list[int] = []
    assert (await client.post("/v1/t", content=endless(), auth=KEY)).status_code == 413


async def test_a_gzip_bomb_is_refused(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b'{"userId":"u1","p":"' + b"0" * 20_000_000 + b'"}')
    assert len(bomb) < EVENT_BYTES
    response = await client.post("/v1/t", content=bomb, headers={"Content-Encoding": "gzip"}, auth=KEY)
    assert response.status_code == 413


async def test_a_body_that_does_not_end_gets_408(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(pieces), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    monkeypatch.setattr(collector_app, "BODY_SECONDS", 0.05)
    pieces, answered = stalled(), []
    headers = [(b"authorization", b"Basic azE6")]
    app = client._transport.app  # type: ignore[attr-defined]  # httpx reads a body whole before it calls the app
    await app({"type": "http", "method": "POST", "path": "/v1/t", "headers": headers}, receive, send)
    assert answered[0]["status"] == 408


async def test_too_many_bodies_at_once_are_refused(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_app, "READING_BYTES", EVENT_BYTES)
    client = connect()
    assert (await client.post("/v1/t", json=EVENT, auth=KEY)).json()["error"].startswith("kafka: ")
    response = await client.post("/v1/b", json={"batch": []}, auth=KEY)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


# What


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [("t", "{", "body: "), ("t", "{}", "userId: "), ("b", "[]", "body: "), ("b", '{"batch":[{},1]}', "batch[1]: ")],
)
async def test_a_bad_body_gets_400_with_the_place(client: httpx.AsyncClient, path: str, body: str, where: str) -> None:
    status, error = said(await client.post(f"/v1/{path}", content=body, auth=KEY))
    assert (status, error[: len(where)]) == (400, where)


async def test_broken_gzip_gets_400_and_another_encoding_415(client: httpx.AsyncClient) -> None:
    for encoding, status in (("gzip", 400), ("br", 415), ("GZIP", 400)):
        response = await client.post("/v1/t", content=b"x", headers={"Content-Encoding": encoding}, auth=KEY)
        assert said(response)[0] == status


async def test_the_content_type_does_not_matter(client: httpx.AsyncClient) -> None:
    for content_type in ("text/plain", "text/plain;charset=UTF-8", "application/json", "image/png"):
        headers = {"Content-Type": content_type}
        response = await client.post("/v1/t", content=json.dumps(EVENT), headers=headers, auth=KEY)
        assert response.status_code == 503


async def test_other_paths_and_methods_are_refused_in_json(client: httpx.AsyncClient) -> None:
    assert said(await client.post("/v1/nothing", json=EVENT, auth=KEY))[0] == 404
    assert said(await client.post("/", json=EVENT))[0] == 404
    response = await client.get("/v1/t")
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"POST", "OPTIONS"})


async def test_no_answer_repeats_a_key_or_an_id(client: httpx.AsyncClient) -> None:
    bodies = (
        '{"userId":"secret-id","x":}',
        '{"batch":["secret-id"],"writeKey":"secret-key"}',
        '{"userId":"secret-id"}',
    )
    for path in ("t", "b"):
        for body in bodies:
            response = await client.post(f"/v1/{path}", content=body, auth=("secret-key", ""))
            assert "secret" not in response.text + str(response.headers)


# Browsers


async def test_without_origins_there_are_no_cors_headers(client: httpx.AsyncClient) -> None:
    response = await client.options("/v1/t", headers={"Origin": "https://app.example"})
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_configured_origin_may_send_and_read_even_refusals(connect: Connect) -> None:
    client = connect(cors_origins="https://app.example,https://www.example")
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-retry-count",
    }
    assert (await client.options("/v1/t", headers=asked)).headers["access-control-allow-origin"] == asked["Origin"]
    response = await client.post("/v1/t", json=EVENT, headers={"Origin": "https://www.example"})
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "https://www.example"
    assert response.headers["access-control-expose-headers"] == "Retry-After"


async def test_another_origin_may_not(connect: Connect) -> None:
    client = connect(cors_origins="https://app.example")
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in (await client.options("/v1/t", headers=asked)).headers


async def test_every_answer_has_the_secure_headers(client: httpx.AsyncClient) -> None:
    responses = [
        await client.post("/v1/t", json=EVENT, auth=KEY),
        await client.options("/v1/t"),
        *[await client.get(path) for path in ("/livez", "/readyz", "/metrics", "/nothing")],
    ]
    for response in responses:
        assert {name.lower() for name in collector_app.HEADERS} <= set(response.headers)


# Operators


async def test_without_kafka_it_lives_but_is_not_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"live": True}
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (503, False)


async def test_metrics_count_requests_by_kind_and_status(client: httpx.AsyncClient) -> None:
    await client.post("/v1/t", json=EVENT, auth=KEY)
    await client.post("/v1/b", json={"batch": [EVENT]})
    await client.get("/nothing")
    text = (await client.get("/metrics")).text
    for labels in ('endpoint="event",status="503"', 'endpoint="batch",status="401"', 'endpoint="other",status="404"'):
        assert f"touchline_collector_requests_total{{{labels}}} 1.0" in text
    assert "touchline_collector_kafka_up 0.0" in text
    assert "_created" not in text
    assert "k1" not in text
    assert "u1" not in text


async def test_metrics_speak_openmetrics_to_those_who_ask(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_a_fault_of_ours_is_a_500_that_says_nothing_else(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError("secret")

    monkeypatch.setattr(collector_app, "_now", fail)
    status, error = said(await client.post("/v1/t", json=EVENT, auth=KEY))
    assert status == 500
    assert "secret" not in error


# What is written down


def test_the_reference_page_has_every_path_limit_and_type() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "collector.md").read_text()
    rows = [row.split("|")[1:-1] for row in page.splitlines() if row.startswith("| `/v1/")]
    written = {
        path: (f"{limit.split()[0]} KB", kind.strip().strip("`"))
        for first, second, _, limit, kind in rows
        for path in re.findall(r"/v1/(\w+)", first + second)
    }
    known = {path: (f"{to.limit_bytes // 1024} KB", to.type or "no") for path, to in ENDPOINTS.items()}
    assert written == known != {}
