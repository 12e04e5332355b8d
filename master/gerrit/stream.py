"""The ssh connection that Gerrit's events come through, to a host whose key is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from buildbot.changes.gerritchangesource import GerritSshStreamEventsConnector
from twisted.python import log

_CONNECT_SECONDS = 20
# What ssh says at its end, and what an operator is to do about it.
_ADVICE = (
    (
        b"ssh: connect to host",
        "nobody answers; is Gerrit running, and are gerrit.ssh_host and gerrit.ssh_port right?",
    ),
    (
        b"Could not resolve hostname",
        "there is no host of that name; is gerrit.ssh_host right?",
    ),
    (
        b"Host key verification failed",
        "the host key it shows is not in {known_hosts}; ask its operator for the right one",
    ),
    (
        b"Permission denied",
        "user {user} has not got the key {identity}; add its public half to the account",
    ),
    (
        b"stream events not permitted",
        "user {user} lacks the right `Stream Events`; give it to the account",
    ),
)


class KnownHostStream(GerritSshStreamEventsConnector):
    """Buildbot's connector, with ssh held to one host key file, one identity and no questions."""

    def __init__(self, *arguments: Any, known_hosts: Path, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.known_hosts = known_hosts

    def _build_gerrit_command(self, *gerrit_args: str) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(_CONNECT_SECONDS),
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": _ssh_path(Path(self.identity_file)),
            "PreferredAuthentications": "publickey",
            "ServerAliveCountMax": str(self.ssh_server_alive_count_max),
            "ServerAliveInterval": str(self.ssh_server_alive_interval_s),
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "UserKnownHostsFile": _ssh_path(self.known_hosts),
        }
        return [
            # Settings of the machine or of the user's home have no say.
            *("ssh", "-F", "none", "-T"),
            *(word for key, value in options.items() for word in ("-o", f"{key}={value}")),
            *("-p", str(self.gerritport), "-l", self.username, "--", self.gerritserver),
            *("gerrit", *gerrit_args),
        ]

    def _stream_process_stopped(self) -> None:
        said = b"\n".join(self._last_lines_for_debug)
        for words, advice in _ADVICE:
            if words in said:
                text = advice.format(
                    known_hosts=self.known_hosts, identity=self.identity_file, user=self.username
                )
                log.msg(f"Gerrit at {self.gerritserver}:{self.gerritport}: {text}")
        super()._stream_process_stopped()


def _ssh_path(path: Path) -> str:
    """A path as a value in ssh's configuration: quoted, with no token expanded in it."""
    return f'"{str(path).replace("%", "%%")}"'
