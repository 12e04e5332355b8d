"""One process and mount namespace for a whole demonstration.

When its first process ends, for whatever reason, the kernel ends every process in the namespace
and drops every mount (pid_namespaces(7)): killing the demonstration leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from typing import NoReturn

_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_PR_SET_PDEATHSIG = 1
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def enter() -> None:
    """Go on in a namespace of our own; what was this process waits and hands the status back.

    Needs root. Three processes result: the caller's (waits), the namespace's first (reaps
    orphans), and the one that returns from here.
    """
    _call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWPID)
    first = os.fork()
    if first:
        _wait_for(first)
    # If the waiting process is killed, so is this one, and with it the namespace.
    _call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    worker = os.fork()
    if worker:
        _wait_for(worker)


def _wait_for(child: int) -> NoReturn:
    """Hand signals on to a child, reap everything, and end as the child ends."""
    for number in _FORWARDED:
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    # Ctrl-C reaches the whole foreground group by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _call(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")
