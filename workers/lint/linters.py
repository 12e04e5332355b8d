"""How each linter is called, and which of its tags are about somebody else's distribution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.lint.tags import read_lintian, read_rpmlint

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.lint.tags import Tag


@dataclass(frozen=True)
class Linter:
    """A program that judges packages of one format."""

    name: str
    command: tuple[str, ...]
    """The packages follow it."""
    suffixes: tuple[str, ...]
    """The files it judges."""
    generated: re.Pattern[str] | None
    """Names of those among them that a packaging tool makes by itself: nobody could mend them."""
    ends_well: frozenset[int]
    """Exit statuses that mean it said all it had to say."""
    unreadable: frozenset[int]
    """Exit statuses that mean it could not read a package."""
    read: Callable[[str], list[Tag]]
    suppressed: frozenset[str]
    """Tags that are never shown, as they ask for what makes no sense for packages made here."""


LINTERS = {
    "deb": Linter(
        name="lintian",
        command=(
            *("lintian", "--no-cfg", "--no-user-dirs", "--color=never", "--tag-display-limit=0"),
            "--fail-on=none",  # or an error would hide a package that it left out
        ),
        suffixes=(".deb", ".udeb", ".dsc"),
        generated=None,  # lintian knows of debug packages itself
        ends_well=frozenset({0}),
        unreadable=frozenset({1}),
        read=read_lintian,
        suppressed=frozenset(
            {
                # Debian's archive, bug tracker and non-maintainer uploads:
                "backports-upload-has-incorrect-version-number",
                "bad-distribution-in-changes-file",
                "changelog-should-mention-nmu",
                "initial-upload-closes-no-bugs",
                "no-nmu-in-changelog",
                "source-nmu-has-incorrect-version-number",
                "upload-has-backports-version-number",
                # Maintainers reached only inside a company, or as a team:
                "bogus-mail-host",
                "bogus-mail-host-in-debian-changelog",
                "no-human-maintainers",
                # The source package is made from git, not from upstream's signed tarball:
                "orig-tarball-missing-upstream-signature",
            }
        ),
    ),
    "rpm": Linter(
        name="rpmlint",
        command=("rpmlint",),
        suffixes=(".rpm",),
        generated=re.compile(r".*-debug(info|source)-[^-]*-[^-]*\.rpm"),
        ends_well=frozenset({0, 64, 66}),
        unreadable=frozenset({3}),
        read=read_rpmlint,
        suppressed=frozenset(
            {
                # Packages are signed when they are published, after all tests:
                "no-signature",
                # Tags of the header that rpm itself no longer asks for:
                "no-buildroot-tag",
                "no-group-tag",
                "no-packager-tag",
                # The history is in git:
                "no-changelogname-tag",
                "no-version-in-last-changelog",
                "incoherent-version-in-changelog",
                # Source archives are made from git and are nowhere to download:
                "invalid-url",
                # Debian's rpmlint comes without any distribution's list of licences, and with
                # bzip2 as the way to compress:
                "invalid-license",
                "infopage-not-compressed",
                "manpage-not-compressed",
                # A postal address in upstream's licence:
                "incorrect-fsf-address",
            }
        ),
    ),
}
