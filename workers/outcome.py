"""How a worker's program ends: one JSON object on standard output and an exit status.

Everything else a program or its children say goes to standard error, so that nothing a hostile
build prints can be taken for the program's own answer.

======  ==============================================================================
status  meaning
======  ==============================================================================
0       success; the object carries the program's results
1       the change is at fault; ``reason`` is one line, ``detail`` the first lines of why
2       the request is wrong: bad arguments, bad names
75      infrastructure failed (``EX_TEMPFAIL`` of sysexits(3)): the same may work again
======  ==============================================================================
"""

from __future__ import annotations

import enum
import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping


_LONGEST_LINE = 2000  # characters; of a line of 4,096 Buildbot's worker loses some


class ExitStatus(enum.IntEnum):
    """Exit statuses of every program in workers/."""

    SUCCESS = 0
    CHANGE_FAULT = 1
    BAD_REQUEST = 2
    INFRASTRUCTURE = 75


class ProgramError(Exception):
    """Ends a program; the subclass says whose fault it is.

    ``reason`` is one line for a person; ``detail`` holds further lines (the start of a log);
    ``facts`` are merged into the JSON answer for the step to read.
    """

    status: ExitStatus

    def __init__(self, reason: str, detail: str = "", **facts: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.facts = facts


class ChangeFault(ProgramError):  # noqa: N818 - named for whose fault it is
    """The proposed change cannot pass: it does not merge, build, lint or install."""

    status = ExitStatus.CHANGE_FAULT


class BadRequest(ProgramError):  # noqa: N818
    """The request itself makes no sense or carries a name that is not allowed."""

    status = ExitStatus.BAD_REQUEST


class InfrastructureFault(ProgramError):  # noqa: N818
    """Something Lockgate depends on failed: a server, a disk, a time-out not of the change."""

    status = ExitStatus.INFRASTRUCTURE


def succeed(answer: Mapping[str, Any]) -> NoReturn:
    """Print the answer and exit with success."""
    _answer({"outcome": "success", **answer})
    sys.exit(ExitStatus.SUCCESS)


def fail(error: ProgramError) -> NoReturn:
    """Print why, for the step on standard output and for people on standard error, and exit."""
    sys.stderr.write(f"{error.reason}\n{error.detail}\n" if error.detail else f"{error.reason}\n")
    _answer(
        {
            "outcome": error.status.name.lower().replace("_", "-"),
            "reason": error.reason,
            "detail": error.detail,
            **error.facts,
        }
    )
    sys.exit(error.status)


def read_answer(output: str) -> dict[str, Any] | None:
    """The object that a program printed; None if it printed anything else, or nothing."""
    try:
        answer = json.loads(output.replace("\n", ""))
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def written_answer(answer: Mapping[str, Any]) -> str:
    """An object as programs print it.

    It has no long line. Where a string alone is longer than that, it goes on in the next line:
    no line end belongs to the object, for JSON writes those of strings otherwise.
    """
    lines = json.dumps(answer, sort_keys=True, indent=1).splitlines()
    return "".join(
        f"{line[start : start + _LONGEST_LINE]}\n"
        for line in lines
        for start in range(0, len(line), _LONGEST_LINE)
    )


def _answer(answer: Mapping[str, Any]) -> None:
    sys.stderr.flush()
    sys.stdout.write(written_answer(answer))
    sys.stdout.flush()
