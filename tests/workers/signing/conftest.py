"""A signer's GnuPG home for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import end_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where keys are made; the agent that gpg starts is ended."""
    path = tmp_path / "home"
    yield path
    if path.exists():
        end_agent(path)
