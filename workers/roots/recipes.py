"""What each kind of root image is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """An image: Debian's minimal system or another image, and packages added to it."""

    base: str | None
    """The kind it starts from; None: the distribution's smallest system with apt."""
    packages: tuple[str, ...]
    rpm_base: bool
    """Whether an RPM package says what the root itself provides."""


_RECIPES = {
    "deb-install": Recipe(base=None, packages=(), rpm_base=False),
    "deb-build": Recipe(
        base="deb-install",
        packages=("build-essential", "debhelper", "fakeroot"),
        rpm_base=False,
    ),
    "rpm-install": Recipe(
        base="deb-install",
        # What rpm's own generators make -devel packages ask for has to be in the root: the base
        # distribution is not one of RPM packages.
        packages=("rpm", "dnf", "pkgconf"),
        rpm_base=True,
    ),
    "rpm-build": Recipe(
        base="rpm-install",
        packages=(
            "bzip2",
            "cpio",
            "diffutils",
            "debugedit",
            "dnf-plugins-core",
            "elfutils",
            "file",
            "g++",
            "gcc",
            "libc6-dev",
            "make",
            "patch",
            "xz-utils",
            "zstd",
        ),
        rpm_base=True,
    ),
}

KINDS = tuple(_RECIPES)


def recipe(kind: str) -> Recipe:
    """Return the recipe of one of :data:`KINDS`; KeyError for another."""
    return _RECIPES[kind]
