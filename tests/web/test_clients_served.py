"""A running server with a client: it fetches the client's keys over HTTP and answers what the client has signed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.trust.test_key_sets import Answering
from tests.trust.tokens_made import bearer, token
from tests.web.service_calls import ROOT
from tests.web.test_server import BODY, PATH, START, WAIT_SECONDS, free_port, wait_for

ISSUER = "https://ehr.example.org"


def ask(port: int, path: str, body: bytes | None, authorization: str) -> tuple[int, dict[str, object]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    connection.request("POST" if body else "GET", path, body=body, headers={"Authorization": authorization})
    answer = connection.getresponse()
    parsed = json.loads(answer.read())
    connection.close()
    return answer.status, parsed


def signed(audience: str, key_url: str) -> str:
    issued = int(datetime.now(UTC).timestamp())
    return bearer(token({"iss": ISSUER, "aud": audience, "iat": issued, "exp": issued + 300}, jku=key_url))


def test_from_the_key_server_to_the_answer(tmp_path: Path) -> None:
    port, log, site = free_port(), tmp_path / "log", tmp_path / "site.toml"
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as keys:
        thread = threading.Thread(target=keys.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        public_url, key_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{keys.server_port}/keys"
        site.write_text(
            f'public_url = "{public_url}"\ndevelopment = true\n[[clients]]\nname = "hospital"\n'
            f'issuer = "{ISSUER}"\njwks_url = "{key_url}"\n'
        )
        environ = {**os.environ, "CDS_PORT": str(port), "CDS_SITE": str(site), "PYTHONPATH": str(ROOT)}
        with log.open("wb") as sink:
            process = subprocess.Popen([sys.executable, "-c", START], env=environ, stderr=sink, stdout=sink)
            try:
                wait_for(port, process, log)
                call = signed(public_url + PATH, key_url)
                assert ask(port, PATH, BODY, call)[0] == 200
                assert ask(port, PATH, BODY, call)[0] == 401
                assert ask(port, PATH, BODY, "")[0] == 401
                assert ask(port, "/cds-services", None, signed(f"{public_url}/cds-services", key_url))[0] == 200
                assert ask(port, "/healthz", None, "") == (200, {"status": "ok"})
            finally:
                process.terminate()
                process.wait(timeout=WAIT_SECONDS)
                keys.shutdown()
                thread.join(WAIT_SECONDS)
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"event":"call"' in line]
    assert [line.get("refusal") for line in lines] == [None, "token-replayed", "no-token", None]
    assert call.removeprefix("Bearer ")[:60] not in log.read_text()
