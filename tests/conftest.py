"""For all tests: the shipped content is loaded hundreds of times, its YAML texts are parsed once."""

from __future__ import annotations

from functools import lru_cache

from cds_service import content_files

content_files._load = lru_cache(maxsize=256)(content_files._load)
