"""What a call says: strict JSON, one small module per hook context, and the HookCall that comes of it."""

from cds_service.hooks.call import HookCall
from cds_service.hooks.parse import READERS, parse_call
from cds_service.hooks.strict_json import parse_json

__all__ = ["READERS", "HookCall", "parse_call", "parse_json"]
