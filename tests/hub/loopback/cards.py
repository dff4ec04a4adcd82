"""What the Hub says of a card's YAML before it takes it; it checks little, and so does this."""

from __future__ import annotations

from typing import Any

import yaml

from hub.loopback.messages import Reply
from hub.loopback.repositories import FRONT_MATTER

LICENCES = {"mit", "apache-2.0", "cc-by-4.0", "cc0-1.0", "bsd-3-clause", "other", "unknown"}


def validate(body: dict[str, Any]) -> Reply:
    found = FRONT_MATTER.match(body["content"])
    if not found:
        return Reply.of({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    try:
        data = yaml.safe_load(found[1]) or {}
    except yaml.YAMLError as error:
        return Reply.of({"errors": [{"message": str(error)}], "warnings": []}, 400)
    errors = []
    if data.get("license") not in LICENCES:
        errors.append({"message": f'"license" must be one of [...], got {data.get("license")}'})
    for key in ("tags", "model-index"):
        if key in data and not isinstance(data[key], list):
            errors.append({"message": f'"{key}" must be an array'})
    return Reply.of({"errors": errors, "warnings": []}, 400 if errors else 200)
