"""A running master, spoken to as its web pages do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import requests
import tenacity

if TYPE_CHECKING:
    from master.site import Site

_SECONDS = 30
_SECONDS_BETWEEN_LOOKS = 1
_RETRY = 5  # the result of a build whose worker was lost; Buildbot starts another

timeout_option = click.option(
    "--timeout", default=7200.0, show_default=True, help="Seconds to wait for it."
)


class Web:
    """A session of one of the web users; errors end the command with a text for a person."""

    def __init__(self, site: Site) -> None:
        self._url = site.web.url
        self._session = requests.Session()
        secret = site.master.secrets / site.web.users_secret
        try:
            user, password = next(iter(json.loads(secret.read_text(encoding="utf-8")).items()))
        except (OSError, ValueError, StopIteration) as error:
            raise click.ClickException(
                f"{secret}: cannot be read: {error}; run this as the master's user"
            ) from error
        answer = self._ask("GET", "auth/login", auth=(user, password))
        if not answer.ok:
            raise click.ClickException(f"{self._url} refuses the login of {user}")

    def force(self, scheduler: str, **values: str) -> int:
        """Press a force button; answer the number of the build request."""
        _, requests_by_builder = self._call(f"forceschedulers/{scheduler}", "force", values)
        (request,) = requests_by_builder.values()
        return int(request)

    def address(self, request: int) -> str:
        """Where a person follows a build request."""
        return f"{self._url}/#/buildrequests/{request}"

    def wait(self, request: int, seconds: float) -> dict[str, Any]:
        """The ended build of a request, with its properties; the command ends when none ends."""
        try:
            for attempt in tenacity.Retrying(
                stop=tenacity.stop_after_delay(seconds),
                wait=tenacity.wait_fixed(_SECONDS_BETWEEN_LOOKS),
                retry=tenacity.retry_if_exception_type(LookupError),
            ):
                with attempt:
                    return self._ended(request)
        except tenacity.RetryError as error:
            raise click.ClickException(
                f"not ended after {seconds:g} seconds: {self.address(request)}"
            ) from error
        raise AssertionError("Retrying either returns or raises")

    def _ended(self, request: int) -> dict[str, Any]:
        answer = self._ask("GET", f"api/v2/buildrequests/{request}/builds?property=*")
        builds: list[dict[str, Any]] = answer.json()["builds"]
        for build in builds:
            if build["complete"] and build["results"] != _RETRY:
                return build
        (asked,) = self._ask("GET", f"api/v2/buildrequests/{request}").json()["buildrequests"]
        if asked["complete"] and not builds:
            raise click.ClickException(f"cancelled before it began: {self.address(request)}")
        raise LookupError("none has ended yet")

    def rebuild(self, build: int) -> None:
        """Press a build's rebuild button."""
        self._call(f"builds/{build}", "rebuild", {})

    def _call(self, place: str, method: str, values: dict[str, str]) -> Any:
        call = {"id": 1, "jsonrpc": "2.0", "method": method, "params": values}
        told = self._ask("POST", f"api/v2/{place}", json=call).json()
        if "error" in told:
            raise click.ClickException(f"not started: {_words(told['error'])}")
        return told["result"]

    def _ask(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        try:
            return self._session.request(
                method, f"{self._url}/{path}", timeout=_SECONDS, allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise click.ClickException(f"the master does not answer: {error}") from error


def _words(error: dict[str, Any]) -> str:
    message = error.get("message", error)
    return message if isinstance(message, str) else json.dumps(message)
