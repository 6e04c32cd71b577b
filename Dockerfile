# syntax=docker/dockerfile:1
# One image for every command: `worker` (default), `serve`, `topics create`, ...
# The base is pinned by tag only: where this was written no registry of images could be asked for its digest.
# Pin it (`python:3.11-slim-bookworm@sha256:...`) where you build for production.
# hadolint, the compose schema and tests/test_containers.py check these files; no Docker engine has run them yet.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_PROGRESS=1 \
    UV_PROJECT_ENVIRONMENT=/opt/touchline \
    UV_PYTHON_DOWNLOADS=never
RUN pip install uv==0.13.9
WORKDIR /src
# Dependencies first: a change of our own code does not install them again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project --no-cache
COPY README.md LICENSE ./
COPY streams streams
COPY agents agents
# Not editable: the second stage has no sources.
RUN uv sync --frozen --no-dev --no-editable --no-cache

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="touchline" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 touchline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin touchline \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/touchline
COPY --from=build /opt/touchline /opt/touchline
WORKDIR /app
COPY rules.toml ./
# Inside a container loopback is the container's own: probes and collector listen on all of its addresses, and what is
# published where is for the one who runs it.
ENV PATH=/opt/touchline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TOUCHLINE_HTTP_HOST=0.0.0.0 \
    TOUCHLINE_METRICS_PORT=26090 \
    TOUCHLINE_DATA_DIR=/var/lib/touchline
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 26080 26090
# http.client and not urllib: it never asks a proxy.  A restore may take a while: unhealthy only after a minute of it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['TOUCHLINE_METRICS_PORT']), timeout=3); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["touchline"]
CMD ["worker"]
