"""The settings as they may be shown, and what in them an operator should look at."""

from __future__ import annotations

from cds_service.config import Config, read_config
from cds_service.doctor.findings import Finding, fine, warn
from cds_service.store.database import show_url, store_url

ADVICE = {
    "CDS_UUID_KEY": "set it to at least 16 random characters, the same on all workers and hosts",
    "CDS_SITE": "before patients' data are sent here, register the EHR there: docs/site-file.md, Clients",
    "CDS_INSECURE": "unset it once the EHR signs its calls, or keep a proxy in front that authenticates",
    "CDS_WORKBENCH": "set it to auto, or keep the port away from others",
    "CDS_DEMO": "unset it before patients' data are sent here",
    "CDS_STORE": "name a directory or a postgresql:// URL",
}
"""What to do about each setting that ``Config.warnings`` may begin with."""
_ELSE = "docs/operate.md, Settings, says what it is for"


def show_settings(config: Config) -> dict[str, str]:
    """The settings by name, without their secrets. ConfigError if the store is no URL that we know."""
    return {
        **config.as_environ(),
        "CDS_UUID_KEY": "set" if config.has_own_key else "not set",
        "CDS_STORE": show_url(store_url(config.store)) if config.store else "",
    }


def check_settings(config: Config) -> tuple[Finding, ...]:
    """What differs from the defaults, and each warning that the start of the service would give."""
    usual = show_settings(read_config({}))
    changed = [f"{key}={value}" for key, value in show_settings(config).items() if value != usual[key]]
    first = fine("settings", ", ".join(changed) if changed else "all have their defaults")
    return (first, *(_warning(text) for text in config.warnings))


def _warning(text: str) -> Finding:
    key = text.split(maxsplit=1)[0].rstrip(":")
    found, _, matters = text.removeprefix(key).lstrip(": ").partition(": ")
    return warn(key, found, matters, ADVICE.get(key, _ELSE))
