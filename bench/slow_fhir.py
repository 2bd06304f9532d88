"""A FHIR server that takes its time: each answer so many milliseconds after its question, or none at all.

    python -m bench.slow_fhir PORT MILLISECONDS ANSWERS_FILE

``ANSWERS_FILE`` maps the type that is searched to the Bundle to answer with. Without MILLISECONDS ("never") it takes
connections and questions and says nothing. ``GET /asked`` tells at once how many questions came. One thread, an event
loop, nothing but sockets: waiting must cost it next to nothing, with a hundred questions under way.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import orjson

NEVER = "never"


class SlowFhir:
    """Answers from prepared bytes, each ``seconds`` after the question; None: never."""

    def __init__(self, answers: dict[str, bytes], seconds: float | None) -> None:
        self._answers = answers
        self._seconds = seconds
        self._asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as long as the client keeps it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = urlsplit(head.split(b" ", 2)[1].decode()).path
                if path == "/asked":
                    writer.write(_reply(str(self._asked).encode()))
                    continue
                self._asked += 1
                if self._seconds is None:
                    await reader.read()  # ends when the client gives up
                    break
                await asyncio.sleep(self._seconds)
                writer.write(self._answers[path.removeprefix("/fhir/")])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _run(port: int, server: SlowFhir) -> None:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", port, backlog=256)
    await listening.serve_forever()


def main(port: str, milliseconds: str, answers: str) -> None:
    """The command line."""
    bundles = orjson.loads(Path(answers).read_bytes())
    prepared = {kind: _reply(orjson.dumps(bundle)) for kind, bundle in bundles.items()}
    seconds = None if milliseconds == NEVER else float(milliseconds) / 1000
    asyncio.run(_run(int(port), SlowFhir(prepared, seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
