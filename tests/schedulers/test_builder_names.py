"""Names of test repositories are what the publishing program takes, for any package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.builder_names import of_package, of_test_repository
from workers.names import identifier, package_name

_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+_-]{0,126}", fullmatch=True)


def _of(package: str, number: int = 7) -> str:
    return of_test_repository(of_package("test-repository", "main", package), number)


def test_a_plain_name_is_shown_as_it_is() -> None:
    assert _of("hello") == "main-hello-7"


@pytest.mark.parametrize("name", ["libsigc++-2.0", "ImageMagick", "x" * 128])
def test_names_of_real_packages_are_taken(name: str) -> None:
    assert identifier(_of(name)) == _of(name)


@given(one=_NAMES, other=_NAMES)
def test_any_name_is_taken_and_none_is_another_ones(one: str, other: str) -> None:
    assert identifier(_of(package_name(one)))
    assert (_of(one) == _of(other)) == (one == other)
    assert _of(one) != _of(one, 8)


def test_names_that_differ_in_what_cannot_be_shown_stay_apart() -> None:
    assert len({_of(name) for name in ("imagemagick", "ImageMagick", "lib+", "lib_", "lib++")}) == 5
