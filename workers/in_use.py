"""What must stay when a program cleans up, told by whoever knows."""

from __future__ import annotations

import sys
from typing import Literal

from pydantic import BaseModel, ValidationError

from workers.outcome import BadRequest


class _InUse(BaseModel):
    artifacts: list[str]
    test_repositories: list[str]


def names_in_use(kind: Literal["artifacts", "test_repositories"]) -> list[str]:
    """Names read from standard input; raises BadRequest when it does not tell them."""
    try:
        told = _InUse.model_validate_json(sys.stdin.buffer.read())
    except ValidationError as error:
        raise BadRequest(f"standard input does not tell what is in use: {error}") from error
    return told.artifacts if kind == "artifacts" else told.test_repositories
