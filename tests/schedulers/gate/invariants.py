"""What must hold of a gate after every event, whatever happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from schedulers.gate import events as ev
from schedulers.gate.actions import Action, Report, Submit
from schedulers.gate.jobs import Jobs
from tests.schedulers.gate.simulation import History, Landed, as_landed, pushes

if TYPE_CHECKING:
    from schedulers.gate import Job
    from tests.schedulers.gate.simulation import Simulation

# Events that may take a change out without a verdict: its author or an operator rearranges it.
SILENT = (ev.NewPatchSet, ev.Promote, ev.ChangeEdited)


def check_shape(sim: Simulation) -> None:
    """Queues hold each change once; links lead forward in the list; windows keep their bounds."""
    held = Counter(change for item in sim.items for change in item.changes)
    assert all(count == 1 for count in held.values()), f"held twice: {held}"
    for queue in sim.queues:
        seen: list[str | None] = [None]
        for item in queue.items:
            assert item.ahead in seen, f"{item.changes} is built on {item.ahead}, not in front"
            seen.append(item.id)
        rule = sim.config.window
        if rule.initial:
            assert queue.window >= min(rule.floor, rule.initial)
            assert rule.ceiling is None or queue.window <= max(rule.ceiling, rule.initial)


def check_nearest(sim: Simulation) -> None:
    """Who is not failing is built on the nearest in front that is not failing.

    What was merged by hand stays below: those behind go on as they are.
    """
    for queue in sim.queues:
        nearest = None
        for item in queue.items:
            if not item.failing:
                below = sim.gate.state.item(item.ahead)
                stays = item.submitting or (
                    below is not None and all(change in sim.by_hand for change in below.changes)
                )
                assert stays or item.ahead == nearest, f"{item.changes} is misplaced"
                nearest = item.id


def check_builds(sim: Simulation) -> None:
    """What runs belongs to an item, and what an item waits for runs."""
    jobs = Jobs(sim.config, sim.gate.state)
    wanted = []
    for item in sim.items:
        wanted += [build.id for build in item.builds.values() if build.result is None]
        for place, build in item.carried.items():
            if build.result is not None:
                continue
            wanted.append(build.id)
            job = next(j for c, j in jobs.of(item) if f"{c}/{j.name}" == place)
            usable = not item.prepared or jobs.inputs(item, build.change, job) == build.inputs
            assert usable, f"{build.id} runs for a former state of {item.changes}"
    assert sorted(wanted) == sorted(sim.running), "what runs is not what is waited for"


def check_verdicts(
    sim: Simulation, event: ev.Event, before: dict[str, str], actions: list[Action]
) -> None:
    """Who leaves a queue gets one verdict, who stays none."""
    after = {change: item.id for item in sim.items for change in item.changes}
    reports = Counter(action.change for action in actions if isinstance(action, Report))
    for change, item in before.items():
        if after.get(change) == item:
            assert reports[change] == 0, f"{change} got a verdict and stays"
        elif change not in after and not isinstance(event, SILENT):
            assert reports[change] == 1, f"{change} left with {reports[change]} verdicts"


def check_submit(sim: Simulation, submit: Submit) -> None:
    """Only what was tested is submitted: voting jobs passed on just what the branches will be."""
    own = [as_landed(tested) for tested in submit.changes]
    becomes = (*sim.landed, *own)
    branches = sim.drawn_on(submit)
    if sim.config.restart_on_tip_move:
        assert pushes(sim.states[submit.state], branches) == pushes(sim.landed, branches)
    for one in own:
        for job in sim.config.jobs_of(one.project):
            if job.voting:
                passed = _passed(sim, one, job, becomes)
                assert passed or _excused(sim, one, job, becomes), f"{one.name}/{job.name} untested"


def _passed(sim: Simulation, change: Landed, job: Job, becomes: History) -> bool:
    """Whether a job succeeded on a state that is, as far as the job sees, what becomes of it."""
    return any(
        run.change == change.name
        and run.job == job.name
        and run.result == "success"
        and _seen(sim, change, job, sim.states[run.state]) == _seen(sim, change, job, becomes)
        for run in sim.runs.values()
    )


def _seen(sim: Simulation, change: Landed, job: Job, history: History) -> list[Landed]:
    """What a job's result depends on, of all that landed through the gate."""
    queue = sim.config.queue_of(change.project, change.branch)
    scope = {change.project}
    if "builds_with" in job.inputs:
        scope |= set(sim.config.projects[change.project].builds_with)
    return [
        one
        for one in history
        if one.patchset
        and one.name not in sim.by_hand
        and sim.config.queue_of(one.project, one.branch) == queue
        and (not job.inputs or "all" in job.inputs or one.project in scope)
    ]


def _excused(sim: Simulation, change: Landed, job: Job, becomes: History) -> bool:
    """Whether a job need not have passed: it comes after one without a vote that failed, or the
    state on top of it passed where that clears a failure.
    """
    skipped = any(
        other.name in job.after and not other.voting and not _passed(sim, change, other, becomes)
        for other in sim.config.jobs_of(change.project)
    )
    return skipped or (sim.config.hold_failed_depth > 0 and _cleared(sim, change, becomes))


def _cleared(sim: Simulation, change: Landed, becomes: History) -> bool:
    """Whether a state that has more on top of what becomes of the branches passed.

    What is on top may have merged by hand since.
    """
    queue = sim.config.queue_of(change.project, change.branch)

    def in_queue(history: History, top: Landed | None = None) -> list[Landed]:
        return [
            one
            for one in history
            if one.patchset
            and (one == top or one.name not in sim.by_hand)
            and sim.config.queue_of(one.project, one.branch) == queue
        ]

    below = in_queue(becomes)
    for history in sim.states.values():
        whole = in_queue(history, history[-1] if history else None)
        if len(whole) <= len(below) or whole[: len(below)] != below:
            continue
        top = whole[-1]
        if all(
            _passed(sim, top, job, history) for job in sim.config.jobs_of(top.project) if job.voting
        ):
            return True
    return False


def check_blame(sim: Simulation, report: Report) -> None:
    """A change fails for its tests only when one with a vote did fail."""
    if report.verdict == "failure:tests":
        assert report.failed, f"{report.change} is blamed for no build"
        for build in report.failed:
            run = sim.runs[build]
            assert run.doomed or run.result not in (None, "success", "cancelled"), (
                f"{report.change} is blamed for {build}, which did not fail"
            )
