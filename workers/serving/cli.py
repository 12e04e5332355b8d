"""``lockgate-worker serve``: an HTTP server for one folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from twisted.internet import endpoints
from twisted.internet import reactor as installed_reactor
from twisted.python import log

from workers.outcome import BadRequest, InfrastructureFault
from workers.serving.site import site


@click.command()
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), required=True)
def serve(root: Path, listen: str, port: int) -> None:
    """Serve a folder until told to stop."""
    if not root.is_dir():
        raise BadRequest(f"there is no folder {root}")
    # Twisted's own interface declarations do not fit the reactor module's functions.
    reactor: Any = installed_reactor
    log.startLogging(sys.stdout, setStdout=False)

    refusals: list[str] = []

    def give_up(failure: Any) -> None:
        refusals.append(failure.getErrorMessage())
        reactor.stop()

    def start() -> None:
        endpoint = endpoints.TCP4ServerEndpoint(reactor, port, interface=listen)
        endpoint.listen(site(root)).addErrback(give_up)

    reactor.callWhenRunning(start)
    reactor.run()
    if refusals:
        raise InfrastructureFault(f"cannot listen on {listen}:{port}: {refusals[0]}")
