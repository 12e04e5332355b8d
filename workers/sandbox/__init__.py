"""Runs commands of strangers in a disposable root that nothing can leave.

::

    from workers.sandbox import Limits, Sandbox

    with Sandbox(image.path, limits=Limits(disk=2 << 30), log=Path("build.log")) as sandbox:
        sandbox.write("/etc/apt/sources.list.d/test.list", b"deb http://127.0.0.1:8000 ...\\n")
        result = sandbox.run(["apt-get", "update"], as_root=True, network=True)
        if not result.success:
            raise ChangeFault(f"apt-get update: {result.why}", result.tail)
        before = sandbox.changes()
        sandbox.run(["make"], folder="/build/hello", environment={"V": "1"})
        sandbox.copy_out("/build/out", Path("results"))

The root is a read-only image (see :mod:`workers.roots`) below an overlay whose upper layer is a
tmpfs of limited size; it is shared by the runs of one ``Sandbox`` and gone afterwards. Each run
has its own pid, mount, ipc and (without ``network=True``) network namespace, so nothing that a
command started outlives it. If the calling process dies, even by ``kill -9``, all of it dies.

Needs Linux 5.11 or newer (overlays in user namespaces; from 6.6 on a folder of the image can also
be removed and made again), and a range of subordinate ids for the calling user
(:mod:`workers.users`), whom the namespace's users are not: its root and its ordinary user are ids
of that range, with no right on the caller's files.

The network of ``network=True`` is the host's, loopback included. Run only what must have it that
way, such as a package manager's download, and not what it downloaded.

The interface other code is written against:

``Sandbox(root, *, over=None, limits=Limits(), log=None, binds=())``
    A context manager; not started before ``with``. ``over`` is a layer over the root image.
``Sandbox.run(command, *, as_root=False, network=False, environment=None, folder="/",
seconds=None, stdin=None, capture=False) -> Result``
    Runs to the end. What it prints goes to standard error and to ``log``; with ``capture`` its
    standard output goes into ``Result.output`` instead. ``as_root`` is root of the namespace;
    otherwise the image's ordinary user (uid 1000, home ``/build``). ``environment`` is added to a
    fixed minimal one; nothing is inherited.
``Result``
    ``success``, ``status`` (exit status; negative: signal), ``stopped`` (``Stop.TIME``, ``LOG``,
    ``DISK``, ``MEMORY``, ``PROCESSES``, ``KILLED``, ``HOST`` or None), ``why`` (one line for a
    person), ``tail`` (the last lines it printed), ``output`` (bytes, with ``capture``),
    ``seconds``.
``Sandbox.write(path, content, *, mode=0o644, owner=0)``
    Puts bytes or an open file's content into a file in the root; missing folders are made.
``Sandbox.read(path, *, limit=1 << 20) -> bytes`` / ``Sandbox.names(folder) -> list[str]``
    Read a regular file / list a folder; no symbolic link is followed.
``Sandbox.copy_out(folder, to, *, limit) -> list[Path]``
    Copies a folder's regular files; anything else in it is a ChangeFault.
``Sandbox.copy_file(path, to, *, limit) -> int``
    Copies one regular file and returns its size.
``Sandbox.changes(exclude=()) -> dict[str, Entry | None]``
    How the root differs from its image now: path -> what is there (type, mode, owner, group, size,
    sha256 or link target), None where the image's own entry was removed. Times are ignored and
    what equals the image is left out, so two answers can be compared with ``==`` or per path.
    ``exclude`` takes absolute paths; a path excludes everything below it.

``Sandbox.keep(folder) -> int``
    Keeps how the root differs from its image as ``folder/root``, a layer for ``over`` of other
    sandboxes of the same image, without what the ordinary user owns.

Errors: BadRequest for a missing image or command, ChangeFault as said, InfrastructureFault when
the namespaces cannot be made or the sandbox dies by itself. A command's failure is no exception.
"""

from workers.sandbox.entries import Entry
from workers.sandbox.sandbox import Bind, Limits, Result, Sandbox, Stop

__all__ = ["Bind", "Entry", "Limits", "Result", "Sandbox", "Stop"]
