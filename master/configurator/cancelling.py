"""A new patch set makes the check of the one before pointless: stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot.plugins import util
from buildbot.schedulers.canceller import OldBuildCanceller

from schedulers import builder_names

if TYPE_CHECKING:
    from master.site import Site


def cancel_superseded(site: Site) -> OldBuildCanceller:
    """Buildbot's own canceller, for check builds only: the gate decides for itself."""
    checks = [
        builder_names.of_package("check", release, name)
        for name, package in site.packages.items()
        for release in package.releases
    ]
    return OldBuildCanceller("cancel-superseded-checks", [(checks, util.SourceStampFilter())])
