"""A local mirror of one project, kept between requests and used by one program at a time."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import time
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

import tenacity

from workers.outcome import InfrastructureFault
from workers.source.git import Git, GitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from workers.source.request import Change

_FETCH_SECONDS = 900.0
_LOCK_SECONDS = 1800.0
_LOCK_POLL_SECONDS = 0.2
_READABLE = 60
_ATTEMPTS = 3
_FETCHED = "refs/lockgate/fetched"
_HEADS = "refs/lockgate/heads"
_LATEST_TIME = 4102444800  # 2100; a commit's own date may be anything


class Mirror:
    """A project's branch and changes, fetched from Gerrit."""

    def __init__(self, git: Git) -> None:
        self.git = git

    def fetch(self, url: str, branch: str, changes: Sequence[Change] = ()) -> str:
        """Fetch a branch and changes; return the branch's tip.

        Raises InfrastructureFault when the server does not answer, lacks the branch or a change,
        or has another commit under a change's ref than the one named.
        """
        # Quoted, as a branch x/y may follow a branch x that was deleted.
        head = f"{_HEADS}/{quote(branch, safe='')}"
        targets = [f"{_FETCHED}/{place}" for place in range(len(changes))]
        wanted = [f"+refs/heads/{branch}:{head}"]
        wanted += [f"+{c.ref}:{target}" for c, target in zip(changes, targets, strict=True)]
        try:
            self._fetch(url, wanted)
        except GitError as error:
            raise InfrastructureFault(
                f"cannot fetch from {url}: {_last_line(error.text)}", error.text
            ) from error
        for change, target in zip(changes, targets, strict=True):
            found = self.commit(target)
            if found != change.revision:
                raise InfrastructureFault(
                    f"{change.ref} at {url} is {found}, not {change.revision} as was asked for"
                )
        return self.commit(head)

    def commit(self, name: str) -> str:
        """Return the id of the commit a name stands for."""
        return self.git.text("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")

    def tree(self, commit: str) -> str:
        """Return the id of a commit's tree."""
        return self.git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")

    def has(self, commit: str) -> bool:
        """Whether a commit is known here."""
        try:
            self.git.run("cat-file", "-e", f"{commit}^{{commit}}")
        except GitError:
            return False
        return True

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``older`` is ``newer`` or behind it."""
        return self.git.holds("merge-base", "--is-ancestor", older, newer)

    def parents(self, commit: str) -> list[str]:
        """Return the parents of a commit."""
        return self.git.text("rev-list", "--parents", "-n", "1", commit).split()[1:]

    def merge_bases(self, one: str, other: str) -> list[str]:
        """Return the best common ancestors."""
        try:
            return self.git.text("merge-base", "--all", one, other).split()
        except GitError as error:
            if error.status == 1:
                return []
            raise

    def number(self, commit: str) -> int:
        """Count the commits on the first-parent line, this one included."""
        return int(self.git.text("rev-list", "--count", "--first-parent", commit))

    def with_tree(self, tip: str, tree: str) -> str | None:
        """The newest commit on a first-parent line that has a tree."""
        lines = self.git.text("log", "--first-parent", "--format=%T %H", tip).splitlines()
        return next((line.split()[1] for line in lines if line.startswith(f"{tree} ")), None)

    def record(self, tree: str, parents: Sequence[str], inputs: Sequence[str], text: str) -> str:
        """Make a commit that is the same wherever it is made of the same things.

        Its date is the latest of the commits in ``inputs``.
        """
        times = [int(self.git.text("show", "-s", "--format=%ct", commit)) for commit in inputs]
        date = f"@{min(max(*times, 0), _LATEST_TIME)} +0000"
        person = {"NAME": "Lockgate", "EMAIL": "lockgate@localhost", "DATE": date}
        return self.git.text(
            *("commit-tree", tree, "-m", text),
            *(part for parent in parents for part in ("-p", parent)),
            environment={
                f"GIT_{role}_{key}": value
                for role in ("AUTHOR", "COMMITTER")
                for key, value in person.items()
            },
        )

    @tenacity.retry(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, GitError) and "find remote ref" not in error.text
        ),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    def _fetch(self, url: str, refs: Sequence[str]) -> None:
        self.git.run(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options"),
            *(url, *refs),
            seconds=_FETCH_SECONDS,
        )


@contextlib.contextmanager
def open_mirror(work: Path, url: str) -> Iterator[Mirror]:
    """Give the mirror of ``url`` below ``work``, made if it is missing, to this program alone.

    Raises InfrastructureFault if another program keeps it too long or it cannot be made.
    """
    readable = quote(PurePosixPath(url).name, safe="")[:_READABLE]
    folder = (work / f"{readable}-{sha256(url.encode()).hexdigest()[:16]}.git").absolute()
    try:
        work.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".git.used").open("w") as lock:
            _wait_for(lock, url)
            _remove_stale_locks(folder)
            git = Git(folder, lock.fileno())
            git.run("init", "--quiet", "--bare", "--template=", str(folder))
            yield Mirror(git)
    except OSError as error:
        raise InfrastructureFault(f"cannot use the git mirror {folder}: {error}") from error
    except GitError as error:
        raise InfrastructureFault(f"git mirror of {url}: {error}", error.text) from error


def _wait_for(lock: IO[str], url: str) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InfrastructureFault(
                    f"the git mirror of {url} was in use for {_LOCK_SECONDS:g} s"
                ) from None
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return


def _remove_stale_locks(folder: Path) -> None:
    """Remove what a killed git left; nobody else is at work here, the mirror is locked."""
    for stale in [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]:
        sys.stderr.write(f"removing {stale}, left by a program that was killed\n")
        stale.unlink(missing_ok=True)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "git said nothing"
