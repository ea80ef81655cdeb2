"""Fill placeholders in what an admin wrote, encoded for the place where each value lands.

A body is parsed as JSON before any value is known, and a query string as a key and options, so a
value is always *inside* something: it is encoded for that place and can never become syntax.
"""

from __future__ import annotations

from adapter.placeholders.errors import MissingValue, TemplateFault, UnfitValue, Unrenderable
from adapter.placeholders.json_templates import JsonTemplate, encode
from adapter.placeholders.references import Reference, hints, split
from adapter.placeholders.url_templates import UrlTemplate
from adapter.placeholders.values import Values

__all__ = [
    "JsonTemplate",
    "MissingValue",
    "Reference",
    "TemplateFault",
    "UnfitValue",
    "Unrenderable",
    "UrlTemplate",
    "Values",
    "encode",
    "hints",
    "split",
]
