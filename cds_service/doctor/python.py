"""Whether this Python and the packages in it are what the service asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from cds_service.doctor.findings import Finding, blame, fine

OLDEST = (3, 11)


def check_python(version: tuple[int, ...]) -> Finding:
    """``version`` as in ``sys.version_info``."""
    text = ".".join(map(str, version[:3]))
    if tuple(version[:2]) >= OLDEST:
        return fine("python", text)
    oldest = ".".join(map(str, OLDEST))
    return blame("python", f"{text} is too old", f"the service is written for {oldest} or later", "install a newer one")


def check_packages(requirements: Iterable[str], version_of: Callable[[str], str | None]) -> Finding:
    """Compare what is installed with the requirements of our own metadata (PEP 508); ``version_of`` None: missing."""
    wrong, count = [], 0
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            wrong.append(f"{text!r} cannot be read")
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        count += 1
        version = version_of(wanted.name)
        if version is None:
            wrong.append(f"{wanted.name} is missing")
        elif not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} is {version}, wanted {wanted.specifier}")
    if wrong:
        return blame(
            "packages",
            "; ".join(wrong),
            "other versions were never tested with this service",
            "install it afresh into an environment of its own: pip install --upgrade cds-service",
        )
    if not count:
        return blame(
            "packages",
            "cds-service has no metadata here",
            "it was copied, not installed, so that nobody knows what it needs",
            "install it: pip install cds-service, or pip install --editable . in a checkout",
        )
    return fine("packages", f"{count} packages are installed in the versions asked for")


def read_requirements(name: str = "cds-service") -> tuple[str, ...]:
    """What an installed package asks for; empty if it is not installed."""
    try:
        return tuple(metadata.requires(name) or ())
    except metadata.PackageNotFoundError:
        return ()


def find_version(name: str) -> str | None:
    """The installed version of a package, None without one."""
    try:
        return metadata.version(re.sub(r"[-_.]+", "-", name))
    except metadata.PackageNotFoundError:
        return None
