"""Buildbot's web UI: everybody may look, only people with a login may act."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from twisted.internet.endpoints import quoteStringArgument

from master.site import SiteFileError

if TYPE_CHECKING:
    from pathlib import Path

    from master.site import Site

_OPERATOR = "operator"


def www(site: Site) -> dict[str, Any]:
    """The ``www`` part of Buildbot's configuration."""
    users = _users(site.master.secrets / site.web.users_secret)
    return {
        "port": f"tcp:{site.web.port}:interface={quoteStringArgument(str(site.web.interface))}",
        "auth": util.UserPasswordAuth(users),
        "authz": util.Authz(
            allowRules=[util.AnyControlEndpointMatcher(role=_OPERATOR)],
            roleMatchers=[util.RolesFromUsername(roles=[_OPERATOR], usernames=list(users))],
        ),
        "plugins": {},
        "cookie_expiration_time": timedelta(days=7),
    }


def _users(secret: Path) -> dict[str, str]:
    """Names and passwords; the file is a secret and must be the master's alone."""
    try:
        users = json.loads(secret.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SiteFileError(
            f"{secret}: the web users cannot be read: {error}; "
            'expected a JSON object such as {"operator": "password"}'
        ) from error
    if not isinstance(users, dict) or not users:
        raise SiteFileError(f'{secret}: expected a JSON object such as {{"operator": "password"}}')
    return {str(name): str(password) for name, password in users.items()}
