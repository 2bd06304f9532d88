"""Key sets: rotation, cool-down, stale keys; and the fetch, which takes nothing but a plain small answer in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cds_service.trust import key_sets
from cds_service.trust.clients import Client, Registry
from cds_service.trust.key_sets import (
    COOL_DOWN,
    RENEW_AFTER,
    STALE_AFTER,
    KeySet,
    in_background,
    key_sets_of,
    read_file,
    read_url,
)
from cds_service.trust.keys import LARGEST_KEY_SET, KeysUnreadable
from tests.trust.tokens_made import Clock, key_set

WAIT_SECONDS = 30


class Published:
    """A key set at its source: its keys can change, it can fail, and it counts who asks."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.fails = False
        self.asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        if self.fails:
            raise KeysUnreadable("it is down")
        return key_set(*self.names)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Published:
    return Published("ec-1")


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def keys(source: Published, clock: Clock, problems: list[str]) -> KeySet:
    return KeySet(source, clock, lambda work: work(), problems.append)


def test_keys_are_fetched_once_and_kept(keys: KeySet, source: Published, clock: Clock) -> None:
    assert not keys.has_keys
    for _ in range(100):
        assert keys.find("ec-1")
        clock.now += 1
    assert source.asked == 1
    assert keys.has_keys


def test_fifty_unknown_ids_cause_one_fetch(keys: KeySet, source: Published, clock: Clock) -> None:
    for number in range(50):
        assert not keys.find(f"unknown-{number}")
        clock.now += 0.5
    assert source.asked == 1
    clock.now += COOL_DOWN
    assert not keys.find("unknown")
    assert source.asked == 2


def test_a_new_key_is_found_at_once_after_the_cool_down(keys: KeySet, source: Published, clock: Clock) -> None:
    keys.find("ec-1")
    clock.now += COOL_DOWN
    source.names = ("ec-1", "ec-2")
    assert keys.find("ec-2")
    assert source.asked == 2


def test_a_new_key_waits_for_the_cool_down(keys: KeySet, source: Published, clock: Clock) -> None:
    keys.find("ec-1")
    source.names = ("ec-2",)
    clock.now += COOL_DOWN - 0.1
    assert not keys.find("ec-2")
    assert keys.find("ec-1")
    clock.now += 0.1
    assert keys.find("ec-2")
    assert not keys.find("ec-1")


def test_a_removed_key_is_gone_when_its_time_is_over(keys: KeySet, source: Published, clock: Clock) -> None:
    keys.find("ec-1")
    source.names = ("ec-2",)
    clock.now += RENEW_AFTER
    # This call is still served by the key it came with; the renewal that it began brings the end of the key.
    assert keys.find("ec-1")
    assert not keys.find("ec-1")
    assert source.asked == 2


def test_stale_keys_are_kept_for_a_day_while_the_source_is_down(
    keys: KeySet, source: Published, clock: Clock, problems: list[str]
) -> None:
    keys.find("ec-1")
    source.fails = True
    for _ in range(int(STALE_AFTER / 3600) - 1):
        clock.now += 3600
        assert keys.find("ec-1")
        assert not keys.find("unknown")
    assert problems == ["it is down"] * 23
    clock.now += 3600
    assert not keys.find("ec-1")
    assert not keys.has_keys
    source.fails = False
    clock.now += COOL_DOWN
    assert keys.find("ec-1")


def test_a_source_that_is_down_is_not_asked_more_often(keys: KeySet, source: Published, clock: Clock) -> None:
    source.fails = True
    for _ in range(61):
        assert not keys.find("ec-1")
        clock.now += 1
    assert source.asked == 3


def test_nonsense_does_not_take_the_place_of_keys(clock: Clock, problems: list[str]) -> None:
    answers = iter([key_set("ec-1"), b"<html>", b'{"keys": null}'])
    keys = KeySet(lambda: next(answers), clock, lambda work: work(), problems.append)
    for _ in range(3):
        assert keys.find("ec-1")
        clock.now += RENEW_AFTER
    assert len(problems) == 2


@pytest.mark.parametrize("data", [b'{"keys": []}', b'{"keys": [{"kty": "oct", "kid": "ec-1", "k": "YQ"}]}'])
def test_an_emptied_key_set_revokes_at_once(data: bytes, clock: Clock, problems: list[str]) -> None:
    """All that a hospital can do whose key was stolen: it must not be good for another day."""
    answers = iter([key_set("ec-1"), data, key_set("ec-2")])
    keys = KeySet(lambda: next(answers), clock, lambda work: work(), problems.append)
    assert keys.find("ec-1")
    clock.now += RENEW_AFTER
    keys.keep_fresh()
    assert not keys.find("ec-1")
    assert not keys.has_keys
    assert len(problems) == 1
    assert "no longer used" in problems[0]
    clock.now += COOL_DOWN
    keys.keep_fresh()
    assert keys.find("ec-2")


def test_an_emptied_key_set_that_hung_does_not_undo_a_later_one(clock: Clock) -> None:
    waiting: list[Callable[[], None]] = []
    answers = iter([key_set("ec-2"), b'{"keys": []}'])
    keys = KeySet(lambda: next(answers), clock, waiting.append)
    keys.keep_fresh()
    clock.now += COOL_DOWN
    keys.keep_fresh()
    hung, later = waiting
    later()
    hung()
    assert keys.find("ec-2")


def test_keys_are_kept_fresh_without_a_call(keys: KeySet, source: Published, clock: Clock) -> None:
    """As often as a probe asks, and no more often than calls would fetch them."""
    for _ in range(int(RENEW_AFTER)):
        keys.keep_fresh()
        clock.now += 1
    assert source.asked == 1
    source.names = ("ec-2",)
    keys.keep_fresh()
    assert source.asked == 2
    assert keys.find("ec-2")


def test_keys_that_were_missing_come_back_without_a_call(keys: KeySet, source: Published, clock: Clock) -> None:
    source.fails = True
    for _ in range(int(COOL_DOWN)):
        keys.keep_fresh()
        assert not keys.has_keys
        clock.now += 1
    assert source.asked == 1
    source.fails = False
    keys.keep_fresh()
    assert keys.has_keys


def test_an_attempt_that_hung_does_not_undo_a_later_one(clock: Clock) -> None:
    waiting: list[Callable[[], None]] = []
    answers = iter([key_set("ec-1"), key_set("ec-2"), key_set("ec-1")])
    keys = KeySet(lambda: next(answers), clock, waiting.append)
    keys.keep_fresh()
    waiting.pop()()
    clock.now += RENEW_AFTER
    keys.find("ec-1")
    clock.now += RENEW_AFTER
    keys.find("ec-1")
    hung, later = waiting
    later()
    assert keys.find("ec-2")
    hung()
    assert keys.find("ec-2")
    assert not keys.find("ec-1")


def test_hanging_attempts_are_few_and_hold_no_call(clock: Clock) -> None:
    waiting: list[Callable[[], None]] = []
    keys = KeySet(lambda: key_set("ec-1"), clock, waiting.append)
    keys.keep_fresh()
    for _ in range(20):
        clock.now += COOL_DOWN - 1
        # The attempt began long ago: nobody waits for it, or this test would last.
        assert not keys.find("ec-1")
        clock.now += 1
        keys.keep_fresh()
    assert len(waiting) == 3


def test_an_attempt_that_cannot_be_started_is_made_again(clock: Clock) -> None:
    threads = iter([None] * 5)

    def run(work: Callable[[], None]) -> None:
        if next(threads, "there is one") is None:
            raise RuntimeError("can't start new thread")
        work()

    keys = KeySet(lambda: key_set("ec-1"), clock, run)
    for _ in range(5):
        assert not keys.find("ec-1")
        clock.now += COOL_DOWN
    assert keys.find("ec-1")


def test_calls_that_come_while_keys_are_fetched_wait_for_them(clock: Clock) -> None:
    """Sixteen calls at once find the key, by one fetch."""
    asked, together, begun = [], threading.Barrier(16), threading.Event()

    def read() -> bytes:
        asked.append(1)
        begun.wait(WAIT_SECONDS)
        return key_set("ec-1")

    keys, found = KeySet(read, clock, in_background), list[bool]()

    def call() -> None:
        together.wait(WAIT_SECONDS)
        found.append(bool(keys.find("ec-1")))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert found == [True] * 16
    assert len(asked) == 1


def test_a_file_is_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set("ec-1"))
    client = Client("a", "i", jwks_file=path)
    problems: list[tuple[str, str]] = []
    by_name = key_sets_of(
        Registry(clients=(client, Client("open"))), clock, lambda name, problem: problems.append((name, problem))
    )
    assert set(by_name) == {"a"}
    keys = by_name["a"]
    assert keys.find("ec-1")
    path.write_bytes(key_set("ec-2"))
    clock.now += COOL_DOWN
    assert keys.find("ec-2")
    path.unlink()
    clock.now += COOL_DOWN
    assert not keys.find("ec-3")
    assert problems == [("a", "the file cannot be read (FileNotFoundError)")]


def test_a_file_is_read_no_further_than_a_key_set_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(b" " * (2 * LARGEST_KEY_SET))
    assert len(read_file(path)) == LARGEST_KEY_SET + 1


# The fetch


class Answering(BaseHTTPRequestHandler):
    """Answers by path, and notes each request."""

    seen: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012  # emptied for each test

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        plan: dict[str, tuple[int, dict[str, str], bytes]] = {
            "/keys": (200, {}, key_set("ec-1")),
            "/moved": (302, {"Location": "/keys"}, b""),
            "/moved-for-good": (301, {"Location": "http://127.0.0.1:1/"}, b""),
            "/none": (404, {}, b""),
            "/empty": (204, {}, b""),
            "/failing": (500, {}, key_set("ec-1")),
            "/zipped": (200, {"Content-Encoding": "gzip"}, b"x"),
            "/large": (200, {}, b" " * (LARGEST_KEY_SET + 1)),
            "/cut": (200, {"Content-Length": "100000"}, b"{"),
        }
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            self._drip()
            return
        status, headers, body = plan[self.path]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """Blanks without an end, until the reader leaves."""
        try:
            while True:
                self.wfile.write(b" " * 64)
        except OSError:
            return

    def log_message(self, format: str, *_: object) -> None:  # the name is that of the base class
        return


@pytest.fixture
def server() -> Iterator[str]:
    Answering.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join(WAIT_SECONDS)


def test_the_fetch(server: str, clock: Clock) -> None:
    assert read_url(f"{server}/keys", clock) == key_set("ec-1")
    ((path, headers),) = Answering.seen
    assert path == "/keys"
    assert headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/moved", "answered 302"),
        ("/moved-for-good", "answered 301"),
        ("/none", "answered 404"),
        ("/empty", "answered 204"),
        ("/failing", "answered 500"),
        ("/zipped", "compressed"),
        ("/large", f"larger than {LARGEST_KEY_SET} bytes"),
        ("/cut", "could not be read"),
    ],
)
def test_what_the_fetch_does_not_take(server: str, clock: Clock, path: str, says: str) -> None:
    with pytest.raises(KeysUnreadable, match=says):
        read_url(server + path, clock)
    assert [seen for seen, _ in Answering.seen] == [path]


def test_a_body_that_drips_ends_with_its_time(server: str) -> None:
    class Hasty(Clock):
        def __call__(self) -> float:
            self.now += 3
            return self.now

    with pytest.raises(KeysUnreadable, match="took longer than 5 s"):
        read_url(f"{server}/endless", Hasty())


class Alarm:
    """Rings when it is told to, not by the clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ring: Callable[[], None] = lambda: None
        self.is_on = False

    def __call__(self, seconds: float, call: Callable[[], None]) -> Alarm:
        self.seconds, self.ring = seconds, call
        return self

    def start(self) -> None:
        self.is_on = True

    def cancel(self) -> None:
        self.is_on = False


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: a", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + key_set("ec-1"), id="whole-body-without-an-end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", id="body-with-length"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_fetch_is_cut_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, scheme: str, said: bytes
) -> None:
    """The server says a little and never ends; it says nothing to https, which stays in its handshake."""
    monkeypatch.setattr(key_sets, "_READ_SECONDS", WAIT_SECONDS)
    alarm = Alarm()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(said if scheme == "http" else said[:0])
                alarm.ring()
                # Until the other side has left.
                while connection.recv(10_000):
                    pass

        speaker = threading.Thread(target=speak)
        speaker.start()
        with pytest.raises(KeysUnreadable, match="took longer than 5 s"):
            read_url(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/keys", clock, alarm)
        speaker.join(WAIT_SECONDS)
        assert not speaker.is_alive()
    assert alarm.seconds == key_sets.FETCH_SECONDS
    assert not alarm.is_on


def test_an_alarm_before_the_connection_is_made_cuts_it(server: str, clock: Clock) -> None:
    class Early(Alarm):
        def start(self) -> None:
            self.ring()

    with pytest.raises(KeysUnreadable, match="took longer than 5 s"):
        read_url(f"{server}/keys", clock, Early())


def test_without_a_thread_for_the_alarm_nothing_is_fetched(server: str, clock: Clock) -> None:
    class Failing(Alarm):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with pytest.raises(KeysUnreadable, match="no thread"):
        read_url(f"{server}/keys", clock, Failing())
    assert Answering.seen == []


CERTIFICATE = Path(__file__).parents[1] / "fhir" / "certificate.pem"


def over_tls(body: bytes) -> Iterator[str]:
    """The URL of a key set at a server whose certificate nobody vouches for but ``SSL_CERT_FILE``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            # A client that does not believe us breaks off.
            with suppress(OSError):
                connection, _ = server.accept()
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(4096)
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://localhost:{server.getsockname()[1]}/jwks"
        thread.join(WAIT_SECONDS)


@pytest.fixture
def fresh_roots() -> Iterator[None]:
    """Roots are read once in a process."""
    key_sets._roots.cache_clear()
    yield
    key_sets._roots.cache_clear()


@pytest.mark.usefixtures("fresh_roots")
@pytest.mark.parametrize("is_named", [True, False])
def test_an_authority_of_the_hospital_is_believed_if_it_is_named(
    is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roots are those of FHIR servers: ``SSL_CERT_FILE`` beside the public ones."""
    if is_named:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    for url in over_tls(b"{}"):
        if is_named:
            assert read_url(url, time.monotonic) == b"{}"
        else:
            with pytest.raises(KeysUnreadable, match="SSLError"):
                read_url(url, time.monotonic)


@pytest.mark.usefixtures("fresh_roots")
def test_servers_are_checked_by_the_roots_of_fhir_servers_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "load_roots", lambda: ssl.create_default_context(cafile=str(CERTIFICATE)))
    for url in over_tls(b"{}"):
        assert read_url(url, time.monotonic) == b"{}"


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(key_sets, "_READ_SECONDS", 0.05)
    refused = pytest.raises(KeysUnreadable, match=r"could not be read \(ReadTimeout\)")
    with socket.create_server(("127.0.0.1", 0)) as silent, refused:
        read_url(f"http://127.0.0.1:{silent.getsockname()[1]}/keys", clock)
    with pytest.raises(KeysUnreadable, match=r"could not be read \(ConnectionError\)"):
        read_url("http://127.0.0.1:1/keys", clock)


def test_no_proxy_and_no_password_of_the_environment_is_used(
    server: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    read_url(f"{server}/keys", clock)
    assert "Authorization" not in Answering.seen[0][1]
