"""The worker itself: a Buildbot worker process under its own system user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from buildbot_worker.bot import Worker
from twisted.internet import reactor as installed_reactor
from twisted.python import log

from workers.outcome import BadRequest

_KEEPALIVE_SECONDS = 60
_OWN_FOLDER = 0o700


@click.command("run")
@click.option("--master", required=True, help="HOST:PORT of the Buildbot master.")
@click.option("--name", required=True, help="This worker's name in the site file.")
@click.option("--password-file", type=click.Path(path_type=Path), required=True)
@click.option("--base", type=click.Path(path_type=Path), required=True, help="Its own folder.")
def run(master: str, name: str, password_file: Path, base: Path) -> None:
    """Serve a Buildbot master until told to stop.

    Never run it as root: what it runs was proposed by strangers.
    """
    if os.geteuid() == 0:
        raise BadRequest("a worker does not run as root; start it as a system user of its own")
    host, separator, port = master.rpartition(":")
    if not separator or not port.isdigit():
        raise BadRequest(f"--master is HOST:PORT, not {master!r}")
    try:
        password = password_file.read_text(encoding="utf-8").strip()
        base.mkdir(mode=_OWN_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"cannot start worker {name}: {error}") from error
    log.startLogging(sys.stderr, setStdout=False)
    worker = Worker(
        host,
        int(port),
        name,
        password,
        str(base),
        keepalive=_KEEPALIVE_SECONDS,
    )
    worker.startService()
    # Twisted's own interface declarations do not fit the reactor module's functions.
    reactor: Any = installed_reactor
    reactor.addSystemEventTrigger("before", "shutdown", worker.stopService)
    reactor.run()
