"""The REST client against a server that fails in every way a server can."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from master.demo.processes import free_ports
from master.gerrit.client import GerritClient, Patience
from master.gerrit.errors import GerritConflict, GerritError, GerritRefused, GerritUnreachable
from tests.reactor_fixture import reactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reactor_fixture import Reactor

PATIENCE = Patience(connect=2, answer=0.5, submit=0.5, attempts=3, first_pause=0.01)
REVISION, OTHER = "a" * 40, "b" * 40
GUARD = b")]}'\n"


def change(status: str, revision: str = REVISION, said: str = "") -> tuple[int, bytes]:
    return 200, GUARD + json.dumps(
        {
            "_number": 1,
            "change_id": "I1",
            "project": "p",
            "branch": "main",
            "subject": "s",
            "status": status,
            "current_revision": revision,
            "messages": [
                {
                    "id": "1",
                    "message": f"Patch Set 1: Verified+1\n\n{said}",
                    "date": "2026-01-31 12:00:00.000000000",
                    "author": {"username": "me"},
                }
            ],
        }
    ).encode()


TIP = (200, GUARD + json.dumps({"ref": "refs/heads/main", "revision": REVISION}).encode())
BROKEN = (503, b"Overloaded\n")
# The connection is cut before an answer, never answered, or cut within the answer's body.
CUT, SILENT, HALF = (0, b""), (1, b""), (2, b"")


@dataclass
class Faulty(Resource):
    """Gives the answers it was told to, in their order, the last one for ever."""

    answers: list[tuple[int, bytes]]
    requests: list[str] = field(default_factory=list)
    isLeaf = True  # noqa: N815 - Twisted's name

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render(self, request: Any) -> Any:
        self.requests.append(f"{request.method.decode()} {request.path.decode()}")
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if (status, body) == CUT:
            request.transport.abortConnection()
            return NOT_DONE_YET
        if (status, body) == SILENT:
            return NOT_DONE_YET
        if (status, body) == HALF:
            request.setHeader("Content-Length", "100")
            request.write(GUARD)
            return NOT_DONE_YET
        request.setResponseCode(status)
        return body


class Served:
    """A client and the faulty server it asks."""

    def __init__(self, in_reactor: Reactor, answers: list[tuple[int, bytes]]) -> None:
        self._in_reactor = in_reactor
        self.faults = Faulty(answers)
        self._site = Site(self.faults)
        self._port = in_reactor.call(reactor.listenTCP, 0, self._site, 50, "127.0.0.1")
        self.client = GerritClient(
            reactor, f"http://127.0.0.1:{self._port.getHost().port}", "me", password, PATIENCE
        )

    @property
    def asked(self) -> int:
        return len(self.faults.requests)

    def close(self) -> None:
        self._in_reactor.wait(self.client.close())
        self._in_reactor.call(self._port.stopListening)


async def password() -> str:
    return "let-me-in"


@pytest.fixture
def serve(in_reactor: Reactor) -> Iterator[Any]:
    made: list[Served] = []

    def make(*answers: tuple[int, bytes]) -> Served:
        made.append(Served(in_reactor, list(answers)))
        return made[-1]

    yield make
    for served in made:
        served.close()


@pytest.mark.parametrize("fault", [BROKEN, CUT, SILENT, HALF])
def test_what_failed_for_want_of_an_answer_is_asked_again(
    serve: Any, in_reactor: Reactor, fault: tuple[int, bytes]
) -> None:
    served = serve(fault, fault, TIP)
    assert in_reactor.wait(served.client.branch_tip("p", "main")) == REVISION
    assert served.asked == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [(BROKEN, "Overloaded (503)"), (CUT, "no answer"), (SILENT, "time is up")],
)
def test_asking_ends_and_says_what_was_the_matter(
    serve: Any, in_reactor: Reactor, fault: tuple[int, bytes], words: str
) -> None:
    served = serve(fault)
    with pytest.raises(GerritUnreachable) as error:
        in_reactor.wait(served.client.branch_tip("p", "main"), seconds=10)
    assert words in str(error.value)
    assert "GET projects/p/branches/main" in str(error.value)
    assert "let-me-in" not in str(error.value)
    assert served.asked == PATIENCE.attempts


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 412, 422, 429])
def test_a_refusal_is_final(serve: Any, in_reactor: Reactor, status: int) -> None:
    served = serve((status, b"No,\nnever\n"))
    with pytest.raises(GerritRefused) as error:
        in_reactor.wait(served.client.branch_tip("p", "main"))
    assert (error.value.status, error.value.text) == (status, "No, never")
    assert served.asked == 1


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", GUARD + b"{", GUARD + b"[]"])
def test_an_answer_that_is_not_gerrits_is_an_error(
    serve: Any, in_reactor: Reactor, body: bytes
) -> None:
    served = serve((200, body))
    with pytest.raises(GerritError, match="no answer of Gerrit's"):
        in_reactor.wait(served.client.change(1))
    assert served.asked == 1


def test_a_server_that_is_not_there_is_unreachable(in_reactor: Reactor) -> None:
    with free_ports(1) as (port,):
        client = GerritClient(reactor, f"http://127.0.0.1:{port}", "me", password, PATIENCE)
        with pytest.raises(GerritUnreachable, match="refused"):
            in_reactor.wait(client.branch_tip("p", "main"))


def test_a_submit_whose_answer_was_lost_is_not_told_twice(serve: Any, in_reactor: Reactor) -> None:
    served = serve(CUT, change("MERGED"))
    assert in_reactor.wait(served.client.submit(1, REVISION)).status == "MERGED"
    posts = [request for request in served.faults.requests if request.startswith("POST")]
    assert posts == [f"POST /a/changes/1/revisions/{REVISION}/submit"]


def test_a_submit_that_had_no_effect_is_told_again(serve: Any, in_reactor: Reactor) -> None:
    served = serve(BROKEN, change("NEW"), change("MERGED"))
    assert in_reactor.wait(served.client.submit(1, REVISION)).status == "MERGED"
    assert [request.split()[0] for request in served.faults.requests] == ["POST", "GET", "POST"]


@pytest.mark.parametrize("state", [change("NEW", OTHER), change("ABANDONED")])
def test_a_submit_is_given_up_when_the_change_is_another_by_then(
    serve: Any, in_reactor: Reactor, state: tuple[int, bytes]
) -> None:
    served = serve(SILENT, state)
    with pytest.raises(GerritConflict):
        in_reactor.wait(served.client.submit(1, REVISION))
    assert [request.split()[0] for request in served.faults.requests] == ["POST", "GET"]


def test_a_submit_ends_when_the_server_stays_away(serve: Any, in_reactor: Reactor) -> None:
    served = serve(BROKEN)
    with pytest.raises(GerritUnreachable):
        in_reactor.wait(served.client.submit(1, REVISION))


REVIEWED = (200, GUARD + b'{"labels": {"Verified": 1}}')


@pytest.mark.parametrize(
    ("said", "told"), [("It works.", ["POST", "GET"]), ("Before.", ["POST", "GET", "POST"])]
)
def test_a_review_whose_answer_was_lost_is_not_said_twice(
    serve: Any, in_reactor: Reactor, said: str, told: list[str]
) -> None:
    served = serve(CUT, change("NEW", said=said), REVIEWED)
    review = served.client.review(1, REVISION, message="It works.", labels={"Verified": 1})
    in_reactor.wait(review)
    assert [request.split()[0] for request in served.faults.requests] == told
