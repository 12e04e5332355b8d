"""Recipes build on one another, and the base package speaks rpm's language."""

from __future__ import annotations

from workers.roots import KINDS
from workers.roots.base_package import capabilities, spec
from workers.roots.recipes import recipe


def test_every_base_is_a_kind_and_no_recipe_goes_in_circles() -> None:
    for kind in KINDS:
        seen = [kind]
        while (base := recipe(seen[-1]).base) is not None:
            assert base in KINDS
            assert base not in seen
            seen.append(base)


def test_packages_and_programs_become_capabilities() -> None:
    found = capabilities({"libc6": "2.36-9+deb12u14", "g++": "4:12.2.0-3"}, {"/usr/bin/sh"})
    assert found == {
        "libc6 = 2.36",
        "glibc = 2.36",
        "g++ = 12.2.0",
        "gcc-c++ = 12.2.0",
        "/usr/bin/sh",
        "/bin/sh",
    }


def test_spec_provides_each_capability() -> None:
    text = spec({"libc.so.6(GLIBC_2.34)(64bit)", "gcc = 12.2.0"}, "12")
    assert "Provides: gcc = 12.2.0\nProvides: libc.so.6(GLIBC_2.34)(64bit)\n%description" in text
