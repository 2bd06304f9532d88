"""The image: two stages, no build tools and no root in the second, health known, install steps that work."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, SHIPPED, run

TARGET = "/opt/cds"
BUILD_TOOLS = re.compile(r"\b(gcc|g\+\+|make|cargo|rustc?|build-essential|apt-get|apk|curl|wget|git)\b")


@dataclass
class Stage:
    """One stage of the Dockerfile: its base image, its name, and its instructions in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def arguments(self, instruction: str) -> list[str]:
        return [argument for word, argument in self.steps if word == instruction]


def read_stages(text: str) -> list[Stage]:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        if not line.strip():
            continue
        word, _, argument = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = argument.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].steps.append((word, argument.strip()))
    return stages


STAGES = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
BUILD, FINAL = STAGES


def test_both_stages_rest_on_the_same_slim_image_of_a_supported_python() -> None:
    assert BUILD.base == FINAL.base
    version = re.fullmatch(r"python:3\.(\d+)-slim", FINAL.base)
    assert version is not None
    assert int(version.group(1)) >= 11


def test_final_image_only_copies_what_was_built() -> None:
    assert FINAL.arguments("RUN") == []
    assert f"--from={BUILD.name} {TARGET} {TARGET}" in FINAL.arguments("COPY")


@pytest.mark.parametrize("stage", STAGES, ids=["build", "final"])
def test_no_stage_installs_a_compiler_or_fetches_by_hand(stage: Stage) -> None:
    assert not [argument for argument in stage.arguments("RUN") if BUILD_TOOLS.search(argument)]
    assert stage.arguments("ADD") == []


def test_packages_are_wheels_and_nothing_is_cached() -> None:
    (install,) = [argument for argument in BUILD.arguments("RUN") if "pip install" in argument]
    assert "--only-binary=:all:" in install
    assert "--no-cache-dir" in install


def test_final_image_does_not_run_as_root() -> None:
    (user,) = FINAL.arguments("USER")
    number, _, group = user.partition(":")
    assert int(number) > 0
    assert int(group) > 0
    order = [word for word, _ in FINAL.steps]
    assert order.index("COPY") < order.index("USER") < order.index("ENTRYPOINT")


def test_health_is_asked_by_python_over_loopback() -> None:
    (check,) = FINAL.arguments("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    (port,) = FINAL.arguments("EXPOSE")
    assert "http://127.0.0.1:{os.environ.get('CDS_PORT', " + port + ")}/healthz" in command[2]


def test_image_starts_the_service_and_never_insecurely_by_itself() -> None:
    assert json.loads(FINAL.arguments("ENTRYPOINT")[0]) == ["cds-service"]
    command = json.loads(FINAL.arguments("CMD")[0])
    assert command[0] == "serve"
    assert "--insecure" not in command
    assert not [argument for argument in FINAL.arguments("ENV") if "INSECURE" in argument]
    assert FINAL.arguments("STOPSIGNAL") == ["SIGTERM"]


def copied(stage: Stage) -> set[str]:
    """What a stage copies from the context, as top-level names."""
    plain = [argument for argument in stage.arguments("COPY") if not argument.startswith("--from")]
    return {Path(source).name for argument in plain for source in shlex.split(argument)[:-1]}


def test_context_holds_what_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied(BUILD) | copied(FINAL)
    assert copied(BUILD) == set(SHIPPED)


@pytest.mark.network
def test_install_steps_work_in_a_clean_directory(index: None, checkout: Path, tmp_path: Path) -> None:
    context = tmp_path / "src"
    shutil.copytree(checkout, context)
    target = tmp_path / "cds"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in BUILD.arguments("RUN"):
        run(["bash", "-euc", step.replace(TARGET, str(target))], cwd=context, PATH=path)
    run([target / "bin" / "cds-service", "check"], cwd=tmp_path)
    assert not (target / "bin" / "pip").exists()
