"""Finds in a build's log the lines that say why it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workers.outcome import ChangeFault, InfrastructureFault
from workers.sandbox import Stop

if TYPE_CHECKING:
    from pathlib import Path

    from workers.sandbox import Result

_LINES = 20
_FOLLOWING = 2
_LONGEST = 300
_LOG_BYTES = 16 << 20

_FIRST_CAUSE = re.compile(
    r"""
      :\d+(:\d+)?:\ (fatal\ )?error:          # compilers
    | undefined\ reference\ to                # linkers
    | ^(collect2|ld|/\S+/ld):\ error
    | ^(dpkg|dh)[-_\w]*:\ (error|.*:\ error)  # dpkg and debhelper tools
    | ^dh:\ error
    | ^E:\                                    # apt
    | ^error:\                                # rpm
    | ^(FAIL|ERROR):\                         # test suites
    | ^\s+\S.*\ is\ needed\ by\               # rpm's missing dependencies
    | ^Traceback\ \(most\ recent
    | :\ (command\ )?not\ found$
    | :\ error\ while\ loading\ shared\ libraries:
    | ^\S+:\ (line\ )?\d+:\ \S+:\            # shells
    | \ Depends:\ .*\ but\                    # apt
    | ^No\ matching\ package\ to\ install:\    # dnf
    | ^\s*-\ nothing\ provides\ \S
    | ^.*Unmet\ build\ dependencies
    """,
    re.VERBOSE,
)
_CONSEQUENCE = re.compile(r"^(make|gmake|ninja)(\[\d+\])?: \*\*\* |^ninja: build stopped")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[^\t -~\u00a0-\U0010ffff]")
_NETWORK = re.compile(
    r"Failed to fetch|Could not (resolve|connect)|Temporary failure|Connection (refused|timed out)"
    r"|Cannot download|Curl error|Failed to download metadata"
)


def written(log: Path) -> int:
    """Bytes that are in a log now; what comes then is not of what was done before."""
    return log.stat().st_size if log.exists() else 0


def explain(result: Result, what: str, log: Path, since: int) -> ChangeFault | InfrastructureFault:
    """Return whose fault it is that a build ended this way.

    ``since`` is how long the log was when the command began that ended so.
    """
    facts = {"log": str(log), "stopped": result.stopped}
    lines = first_lines(_text(log, since))
    if result.stopped is not None:
        fault = InfrastructureFault if result.stopped is Stop.HOST else ChangeFault
        return fault(f"{what}: {result.why}", "\n".join(result.tail.splitlines()[-5:]), **facts)
    cause = lines[0] if lines else result.why
    return ChangeFault(f"{what} failed: {cause}", "\n".join(lines), **facts)


def explain_dependencies(result: Result, log: Path) -> ChangeFault | InfrastructureFault:
    """Return whose fault it is that the build dependencies could not be installed."""
    fault = explain(result, "installing the build dependencies", log, since=0)
    if result.stopped is None and _NETWORK.search(result.tail):
        return InfrastructureFault(fault.reason, fault.detail, **fault.facts)
    return fault


def first_lines(text: str) -> list[str]:
    """Return up to 20 lines that name the failure, in the log's order; the last if none does."""
    lines = [_CONTROL.sub("", line).rstrip()[:_LONGEST] for line in text.splitlines()]
    causes = [number for number, line in enumerate(lines) if _FIRST_CAUSE.search(line)]
    consequences = [number for number, line in enumerate(lines) if _CONSEQUENCE.search(line)]
    if not causes:
        causes = consequences
    if not causes:
        return [line for line in lines if line][-_LINES:]
    wanted: dict[int, None] = {}
    for number in causes:
        # A compiler shows the place in the lines that follow.
        for near in range(number, min(number + 1 + _FOLLOWING, len(lines))):
            wanted.setdefault(near)
    wanted |= dict.fromkeys(consequences)
    return [lines[number] for number in sorted(wanted) if lines[number]][:_LINES]


def _text(log: Path, since: int) -> str:
    with log.open("rb") as file:
        file.seek(since)
        return file.read(_LOG_BYTES).decode(errors="replace")
