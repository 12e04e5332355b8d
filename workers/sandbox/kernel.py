"""The system calls a sandbox needs and Python 3.11 does not offer: namespaces, mounts, prctl(2)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

_MNT_DETACH = 2
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); ``target`` is named in the OSError."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _checked(f"mount {kind or source} on {target}", result)


def pivot_into_current_folder() -> None:
    """Make the current folder the root and let go of the old one (pivot_root(2), notes)."""
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _checked("pivot_root", _libc.syscall(ctypes.c_long(number), b".", b"."))
    _checked("umount of the old root", _libc.umount2(b".", ctypes.c_int(_MNT_DETACH)))
    os.chdir("/")


def die_with_parent() -> None:
    """Be killed when the parent thread ends; cleared by a change of user, so call it after one."""
    _prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal.SIGKILL)


def refuse_tracing() -> None:
    """Keep other processes, even of the namespace's root, out of this one's memory."""
    _prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)


def give_up_new_privileges() -> None:
    """No program run from here on gains privileges from a set-user-id bit or file capability."""
    _prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)


def keep_capabilities(kept: frozenset[int]) -> None:
    """Drop every other capability from the bounding set, for programs run from here on."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:  # noqa: PTH123 - pathlib is slower
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in kept:
            _prctl("PR_CAPBSET_DROP", _PR_CAPBSET_DROP, capability)


def bring_loopback_up() -> None:
    """Give a new network namespace its 127.0.0.1, which many test suites use."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _prctl(name: str, option: int, value: int) -> None:
    arguments = (ctypes.c_ulong(number) for number in (value, 0, 0, 0))
    _checked(name, _libc.prctl(ctypes.c_int(option), *arguments))


def _checked(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
