"""A Salesforce org on this machine: over HTTPS, with a CA of its own, for tests and the demo.

Rooms: ids, schema, soql, times -> store (rows and what happens to them, events) -> web (REST, bulk, sign-in, faults) ->
here (the server).  It knows what our source and simple-salesforce ask, and can be told to fail in each known way.
"""

import asyncio
import logging
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType

import trustme
import uvicorn

from agents.local.org.faults import Fault
from agents.local.org.store import NoRecordError, Org
from agents.local.org.web import Interface

__all__ = ["Fault", "Interface", "NoRecordError", "Org", "OrgServer"]

START_SECONDS = 10.0
STOP_SECONDS = 5.0
SERVER_LOGGER = "uvicorn.error"


class OrgServer:
    """Serves an org on loopback from a thread of its own, between `start` and `stop` or as a context manager.

    `folder` gets the CA's certificate (`ca_file`) and the private key of the connected app (`key_file`, mode 600).
    """

    def __init__(self, org: Org, folder: Path, *, port: int = 0) -> None:
        self.org = org
        self.interface = Interface(org)
        self.folder = folder
        self.ca_file = folder / "org-ca.pem"
        self.key_file = folder / "org-app-key.pem"
        self._listener = socket.create_server(("127.0.0.1", port))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(self._config())
        self._thread = threading.Thread(target=self._serve, name="org", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """Settings with which `touchline salesforce` signs in here, by JWT."""
        door = self.interface.door
        return {
            "TOUCHLINE_SALESFORCE_LOGIN_URL": self.url,
            "TOUCHLINE_SALESFORCE_CA_FILE": str(self.ca_file),
            "TOUCHLINE_SALESFORCE_USER": door.user,
            "TOUCHLINE_SALESFORCE_CONSUMER_KEY": door.consumer_key,
            "TOUCHLINE_SALESFORCE_PRIVATE_KEY_FILE": str(self.key_file),
        }

    def fail(self, fault: Fault, *, times: int = 1, path: str = "/services/data", seconds: float = 0.0) -> None:
        """Let the next calls to paths with `path` in them fail; `seconds`: Retry-After, or how slow."""
        self.interface.faults.order(fault, times=times, path=path, seconds=seconds)

    def start(self) -> None:
        """Serve, and return when calls are answered."""
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.02)):
            if self._server.started:
                return
            waited.wait(0.02)
        msg = f"the org at {self.url} did not start within {START_SECONDS:g} s"
        raise TimeoutError(msg)

    def stop(self) -> None:
        """End, with the calls under way cut off."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(STOP_SECONDS)

    def __enter__(self) -> "OrgServer":
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _serve(self) -> None:
        logging.getLogger(SERVER_LOGGER).setLevel(logging.CRITICAL)  # ordered failures are no news
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def _config(self) -> uvicorn.Config:
        authority = trustme.CA(organization_name="Touchline's own org")
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        self.folder.mkdir(parents=True, exist_ok=True)
        authority.cert_pem.write_to_path(self.ca_file)
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(self.interface.door.private_key)
        config = uvicorn.Config(
            self.interface.app(),
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            loop="asyncio",
        )
        config.load()
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(config.ssl)
        return config
