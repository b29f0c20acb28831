"""Checks values against the schemas of docs/json.md."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from support.command import ROOT

FOLDER = ROOT / "logscan/_render/schemas"
SCHEMAS: dict[str, Any] = {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


@cache
def validator(name: str) -> Any:
    """What checks a value against one schema."""
    import jsonschema
    import referencing

    resources = [(key, referencing.Resource.from_contents(value)) for key, value in SCHEMAS.items()]
    registry: Any = referencing.Registry().with_resources(resources)
    return jsonschema.Draft202012Validator({"$ref": name}, registry=registry)


def faults(name: str, value: Any) -> list[str]:
    """What a value has that its schema does not allow."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(value)]
