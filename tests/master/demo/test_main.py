"""With which status the demonstration ends, whatever happens; the real one always goes well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from master.demo import main
from master.demo.people import Person
from master.demo.processes import DidNotStart
from master.demo.progress import Line
from master.demo.proposals import Proposal
from master.demo.ready import Ready
from master.demo.stopwatch import Stopwatch
from master.demo.story import Told

if TYPE_CHECKING:
    from pathlib import Path

_SOMEBODY = Person("somebody", "somebody@localhost", "password", "http://127.0.0.1:1")
_READY = Ready(
    *("http://127.0.0.1:2", "operator", "password", "http://127.0.0.1:1", "http://127.0.0.1:3"),
    *({}, {}, _SOMEBODY, _SOMEBODY, _SOMEBODY),
)


class _Cluster:
    """Starts nothing, or fails to."""

    fault: ClassVar[BaseException | None] = None
    stopped: ClassVar[int] = 0

    def __init__(self, layout: Any, tell: Any) -> None:
        self.layout = layout
        self.seconds = Stopwatch(layout.first_run)
        del tell

    def start(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.seconds.taken["Gerrit"] = 1.0

    def ready(self) -> Ready:
        return _READY

    def stop(self) -> None:
        type(self).stopped += 1


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "Cluster", _Cluster)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(_Cluster, "stopped", 0)


def _comes_out(monkeypatch: pytest.MonkeyPatch, *, story: bool, clients: bool) -> None:
    line = Line("1 hello: Say", "published", began=0, ended=1, good=story)
    tale = Told(Proposal("hello", "Say", lambda _read: {}), line)
    monkeypatch.setattr(main, "tell", lambda *_: [tale])
    monkeypatch.setattr(main, "_client", lambda *_: clients)


@pytest.mark.parametrize(
    ("story", "clients", "status", "words"),
    [
        (True, True, 0, "all came out as it should"),
        (False, True, 1, "something went wrong"),
        (True, False, 1, "something went wrong"),
    ],
)
def test_oneshot_tells_by_its_status_whether_all_came_out_as_it_should(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    story: bool,
    clients: bool,
    status: int,
    words: str,
) -> None:
    (tmp_path / "cache").mkdir()
    _comes_out(monkeypatch, story=story, clients=clients)
    assert main.run(tmp_path, oneshot=True, story=True) == status
    assert words in capsys.readouterr().out
    assert _Cluster.stopped == 1


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (DidNotStart("no answer within 60 s"), 1, "cannot go on: no answer within 60 s"),
        (KeyboardInterrupt(), 130, "stopping"),
    ],
)
def test_a_start_that_does_not_come_to_its_end_is_cleaned_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(_Cluster, "fault", fault)
    assert main.run(tmp_path, oneshot=True, story=True) == status
    assert words in capsys.readouterr().out
    assert _Cluster.stopped == 1
