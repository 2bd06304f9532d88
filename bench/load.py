"""Closed-loop load: some connections, each sends the same call again as soon as it has the answer.

    python -m bench.load URL BODY_FILE SECONDS CONNECTIONS

prints {"requests", "seconds", "failed", "median_ms", "longest_ms"}: the last two from sending a call to its answer, or
to the end of the wait where none came. A call without an answer counts as failed, and a new connection goes on.

A process of its own, so that it can be kept off the server's core. Plain sockets with keep-alive: anything more
comfortable costs more than the servers that are measured.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK = 65_536


class Connection:
    """One keep-alive connection that sends one fixed request over and over."""

    def __init__(self, url: str, body: bytes) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._message = head.encode() + body
        self._socket: socket.socket | None = None

    def send(self) -> bool:
        """Send the request once, over a new connection where there is none; whether the answer was 200.

        OSError if no answer came, ValueError if it cannot be read; then the connection is closed.
        """
        try:
            return self._exchange()
        except (OSError, ValueError):
            self.close()
            raise

    def _exchange(self) -> bool:
        self._socket = self._socket or self._connect()
        self._socket.sendall(self._message)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more(self._socket)
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        missing = end + 4 + length - len(received)
        while missing > 0:
            missing -= len(self._more(self._socket))
        return head.startswith(b"http/1.1 200")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self._address, timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        return chunk


def load(url: str, body: bytes, seconds: float, connections: int) -> dict[str, float]:
    """Load ``url`` for about ``seconds``; how many calls ended, in how long, how late, and how many not with a 200."""
    waited: list[list[float]] = [[] for _ in range(connections)]
    failed = [0] * connections
    start = time.perf_counter()

    def work(number: int) -> None:
        connection = Connection(url, body)
        while (sent := time.perf_counter()) - start < seconds:
            try:
                is_answered = connection.send()
            except (OSError, ValueError):
                is_answered = False
            failed[number] += not is_answered
            waited[number].append(time.perf_counter() - sent)
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - start
    every = [answer for of_connection in waited for answer in of_connection]
    return {
        "requests": len(every),
        "seconds": spent,
        "failed": sum(failed),
        "median_ms": 1000 * statistics.median(every),
        "longest_ms": 1000 * max(every),
    }


def main(url: str, body: str, seconds: str, connections: str) -> None:
    """The command line."""
    print(json.dumps(load(url, Path(body).read_bytes(), float(seconds), int(connections))))


if __name__ == "__main__":
    main(*sys.argv[1:])
