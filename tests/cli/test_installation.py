"""cds-service doctor and completion, as the real command in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service import cli
from cds_service.commands import installation
from cds_service.doctor.findings import Finding, State, blame, fine, warn

PROGRAM = Path(sys.executable).with_name("cds-service")
WAIT_SECONDS = 120


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("CDS_", "_CDS_"))}
    return subprocess.run(
        [PROGRAM, *arguments], env=bare | environ, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_the_doctor_on_this_installation(tmp_path: Path) -> None:
    done = run("doctor", "--json", "--store", str(tmp_path), CDS_PORT=free_port())
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["problems"] == 0
    states = {one["name"]: one["state"] for one in shown["findings"]}
    assert {name: states[name] for name in ("python", "packages", "content", "store", "keys", "clock")} == {
        **dict.fromkeys(("python", "packages", "content", "store"), "ok"),
        **dict.fromkeys(("keys", "clock"), "skipped"),
    }
    assert shown["warnings"] == list(states.values()).count("warning")
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_on_an_installation_with_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(WAIT_SECONDS)
        port = str(other.getsockname()[1])
        # Asked whether it is our service, it hangs up.
        with subprocess.Popen(
            [PROGRAM, "doctor"], env=os.environ | {"CDS_PORT": port}, stdout=subprocess.PIPE, text=True
        ) as process:
            connection, _ = other.accept()
            connection.close()
            output, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 1
    assert f"problem  port {port}: CDS_PORT {port} on 127.0.0.1 is not free" in output
    assert output.splitlines()[-1].startswith("1 problem, ")


@pytest.mark.parametrize(
    ("findings", "exit_code", "last"),
    [
        ([fine("a", "b")], 0, "0 problems, 0 warnings"),
        ([warn("a", "b", "c", "d"), fine("a", "b")], 0, "0 problems, 1 warning"),
        ([blame("a", "b", "c", "d"), blame("a", "b", "c", "d"), warn("a", "b", "c", "d")], 1, "2 problems, 1 warning"),
    ],
)
def test_a_problem_alone_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], exit_code: int, last: str
) -> None:
    monkeypatch.setattr(installation, "examine", lambda *_: iter(findings))
    text = CliRunner().invoke(cli.main, ["doctor"])
    assert (text.exit_code, text.stdout.splitlines()[-1]) == (exit_code, last)
    shown = CliRunner().invoke(cli.main, ["doctor", "--json"])
    assert shown.exit_code == exit_code
    assert [one["state"] for one in json.loads(shown.stdout)["findings"]] == [one.state.value for one in findings]
    assert json.loads(shown.stdout)["problems"] == sum(one.state is State.PROBLEM for one in findings)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_is_the_one_that_click_makes(shell: str) -> None:
    printed = CliRunner().invoke(cli.main, ["completion", shell])
    assert printed.exit_code == 0, printed.output
    made = run(_CDS_SERVICE_COMPLETE=f"{shell}_source")
    assert made.returncode == 0
    assert "_CDS_SERVICE_COMPLETE" in made.stdout
    assert printed.stdout == made.stdout


def test_the_completion_completes_our_commands() -> None:
    asked = run(_CDS_SERVICE_COMPLETE="bash_complete", COMP_WORDS="cds-service do", COMP_CWORD="1")
    assert asked.stdout.split() == ["plain,doctor"]
