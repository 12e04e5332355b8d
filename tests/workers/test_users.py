"""Workers' users have id ranges of their own."""

from __future__ import annotations

import os
import pwd
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workers.outcome import BadRequest
from workers.users import ensure_user

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def new_names() -> Iterator[list[str]]:
    """Names of users that do not exist; those that do afterwards are removed."""
    if os.geteuid() != 0:
        pytest.skip("only root can make users")
    names = [f"lgt-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    yield names
    for name in names:
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


def _ranges(file: str) -> list[tuple[str, range]]:
    lines = Path("/etc", file).read_text().split()
    fields = [line.split(":") for line in lines]
    return [(owner, range(int(first), int(first) + int(count))) for owner, first, count in fields]


def test_users_are_made_once_with_ranges_that_do_not_overlap(new_names: list[str]) -> None:
    made = [ensure_user(name) for name in new_names]
    again = ensure_user(new_names[0])
    assert again == made[0] == pwd.getpwnam(new_names[0])
    assert Path(again.pw_dir).is_dir()
    for file in ("subuid", "subgid"):
        ranges = _ranges(file)
        for name in new_names:
            own = [ids for owner, ids in ranges if owner == name]
            others = [ids for owner, ids in ranges if owner != name]
            assert [len(ids) for ids in own] == [65536]
            for ids in others:
                assert own[0].stop <= ids.start or ids.stop <= own[0].start


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(BadRequest, match="identifier '-x' is not allowed"):
        ensure_user("-x")
