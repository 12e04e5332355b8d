"""The gate's Buildbot scheduler: feeds the state machine and does what it says.

Events come from Buildbot's changes and from finished buildsets. After each, the machine's snapshot
goes into Buildbot's database before anything is done about its actions; after a restart they are
asked for again, and :mod:`schedulers.gate_work` knows which of them were done already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.schedulers.base import ReconfigurableBaseScheduler
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

from schedulers import builder_names, gate_words, ports
from schedulers.gate import Gate, UnknownChanges
from schedulers.gate import events as ev
from schedulers.gate.actions import (
    Action,
    Announce,
    CancelBuild,
    PrepareState,
    Report,
    StartBuild,
    Submit,
)
from schedulers.gate.view import view
from schedulers.gate_memory import Memory, State
from schedulers.gate_work import BUILD, Work
from schedulers.requests import PatchSet, build_properties, merge_request

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from twisted.python.failure import Failure

    from schedulers.gate import ChangeFacts, GateConfig
    from schedulers.ports import GerritPort, PackagePlan, ReleasePlan

_SECONDS_TO_NEXT_SUBMIT = 30  # after Gerrit could not be asked
_PASSED = 2
# What a test or a publish takes over from the build before it.
_HANDED_ON = ("artifacts", "built", "state", "test_repository", "test_repository_url")
_OF_MERGE = ("merged", "approvals", "gate_builds")


class GateScheduler(ReconfigurableBaseScheduler):
    """The queue of one release, across its projects."""

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, gerrit: GerritPort, gate_user: str, release: ReleasePlan, config: GateConfig
    ) -> None:
        """Declare the builders that may be started."""
        del gerrit, gate_user, config
        super().checkConfig(builderNames=_builders(release))

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, gerrit: GerritPort, gate_user: str, release: ReleasePlan, config: GateConfig
    ) -> Deferred[None]:
        """Take over the site's settings; what is in the queue stays there."""
        self.gerrit, self.gate_user, self.release = gerrit, gate_user, release
        self.config = config
        gate = getattr(self, "gate", None)
        self.gate: Gate = Gate(config) if gate is None else Gate(config, gate.state)
        return super().reconfigService(  # type: ignore[no-any-return]
            builderNames=_builders(release)
        )

    # Life

    def activate(self) -> Deferred[None]:
        """Remember the queue, look up what became of its builds, and listen."""
        return Deferred.fromCoroutine(self._activate())

    def deactivate(self) -> Deferred[None]:
        """Stop listening; the queue stays in the database."""
        return Deferred.fromCoroutine(self._deactivate())

    async def _activate(self) -> None:
        await super().activate()
        if not self.enabled:
            return
        self.work = Work(self)
        self.turn = DeferredLock()
        self.facts: dict[str, ChangeFacts] = {}
        saved = await self.getState("gate", None)
        if saved is not None:
            self.gate = Gate.restore(self.config, saved)
        self.memory = Memory.restore(await self.getState("memory", None))
        self._consumer = await self.master.mq.startConsuming(
            self._buildset_complete, ("buildsets", None, "complete")
        )
        await self.startConsumingChanges()
        self._unwatch = self.gerrit.watch(self.master, self._reconciled)
        self._later(self._resume())

    async def _deactivate(self) -> None:
        consumer, self._consumer = getattr(self, "_consumer", None), None
        if consumer is not None:
            consumer.stopConsuming()
            self._unwatch()
        await super().deactivate()

    async def _resume(self) -> None:
        """After a start: what was asked for is asked again, or its answer looked up."""
        outstanding = self.gate.outstanding()
        await self.turn.acquire()
        try:
            for action in outstanding:
                await self._do(action)
        finally:
            self.turn.release()
        for action in outstanding:
            if isinstance(action, PrepareState):
                await self._look_at_state(action.state)
            elif isinstance(action, StartBuild):
                await self._look_at_build(action.build)
        for publication in list(self.memory.publications):
            await self._publish(publication)
        for name in list(self.memory.unpublished):
            await self._published(name)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do something without anybody waiting for it."""

        def tell(failure: Failure) -> None:
            log.err(failure, f"{self.name}: failed")

        Deferred.fromCoroutine(coroutine).addErrback(tell)

    # Events

    def gotChange(self, change: Any, important: bool) -> Deferred[None]:  # noqa: N802, FBT001
        """Take an event of Gerrit's."""
        del important
        return Deferred.fromCoroutine(self._got_change(change))

    async def _got_change(self, change: Any) -> None:
        if change.project not in self.config.projects:
            return
        event = self._event_of(change)
        if event is not None:
            await self._happen(event, fresh=True)

    def _event_of(self, change: Any) -> ev.Event | None:
        about = change.properties
        if change.category == "ref-updated":
            ours = about.getProperty("event.submitter.username") == self.gate_user
            if ours or change.branch != self.release.branch:
                return None
            return ev.TipMoved(change.project, change.branch)
        if about.getProperty("event.change.branch") != self.release.branch:
            return None
        number = str(about.getProperty("event.change.number"))
        match change.category:
            case "patchset-created":
                return ev.NewPatchSet(number)
            case "change-abandoned":
                return ev.Abandoned(number)
            case "change-merged":
                return ev.ChangeEdited(number)
            case "comment-added" if self._is_own_report(about):
                return ev.ChangeEdited(number)
        # Whatever happened may have been the last thing that was missing.
        return ev.Approved(number)

    def _is_own_report(self, about: Any) -> bool:
        """A comment of ours that brings no new vote of the check pipeline."""
        if about.getProperty("event.author.username") != self.gate_user:
            return False
        votes = about.getProperty("event.approvals") or []
        return not any(str(v.get("value")) == "1" and "oldValue" in v for v in votes)

    async def _reconciled(self, ready: list[str]) -> None:
        """Take in what no event told of; ``ready`` are the open changes of our projects."""
        for number in ready:
            if self.gate.state.find(number) is None:
                await self._happen(ev.Approved(number), fresh=True)
        for number in list(self.gate.state.known):
            now = (await self.gerrit.facts_of([number]))[number]
            held = self.gate.state.known.get(number)
            if held is None:
                continue
            if now.status == "abandoned":
                await self._happen(ev.Abandoned(number), fresh=True)
            elif now.patchset != held.patchset:
                await self._happen(ev.NewPatchSet(number), fresh=True)
            elif now != held:
                await self._happen(ev.ChangeEdited(number), fresh=True)

    async def _happen(self, event: ev.Event, *, fresh: bool = False) -> None:
        """Let the machine decide, remember, then act."""
        await self.turn.acquire()
        try:
            if fresh:
                self.facts = await self.gerrit.facts(self.release.projects(), self.release.branch)
            event = self._with_patch_set(event)
            while True:
                try:
                    actions = self.gate.handle(event, self.facts)
                    break
                except UnknownChanges as unknown:
                    self.facts.update(await self.gerrit.facts_of(unknown.ids))
            await self._remember()
            for action in actions:
                await self._do(action)
        finally:
            self.turn.release()

    def _with_patch_set(self, event: ev.Event) -> ev.Event:
        """A patch set that the queue holds already is no new one."""
        if isinstance(event, ev.NewPatchSet) and self.gate.state.find(event.change) is not None:
            held = self.gate.state.known[event.change]
            now = self.facts.get(event.change)
            if now is not None and now.patchset == held.patchset:
                return ev.ChangeEdited(event.change)
        return event

    async def _remember(self) -> None:
        self.memory.keep_only(self.gate)
        await self.setState("gate", self.gate.snapshot())
        await self.setState("memory", self.memory.dump())
        await self.setState("view", view(self.gate))

    def _buildset_complete(self, _key: tuple[str, ...], message: dict[str, Any]) -> None:
        name = self.work.name_of(message.get("external_idstring"))
        if name is None:
            return
        if name.startswith("s"):
            self._later(self._look_at_state(name))
        elif name.startswith("b"):
            self._later(self._look_at_build(name))
        elif name.startswith("p"):
            self._later(self._published(message["external_idstring"].partition(":")[2]))

    async def _look_at_state(self, state: str) -> None:
        builder = builder_names.of_merge(self.release.name)
        result = await self.work.result(state, [builder])
        if result is None:
            return
        properties = await self.work.properties(state, builder)
        failure = properties.get("failure") or {}
        if result == "success":
            made = self.memory.states.get(state)
            if made is None:
                return  # nobody wants it any more
            made.projects = properties["state"]["projects"]
            await self._happen(ev.StatePrepared(state))
        elif failure.get("conflict"):
            await self._happen(ev.StatePrepared(state, failure["reason"]))
        else:
            log.msg(f"{self.name}: state {state} could not be made: {failure.get('reason')}")
            await self._happen(ev.StatePrepared(state, _could_not_merge(failure)))

    async def _look_at_build(self, build: str) -> None:
        started = self.memory.builds.get(build)
        if started is None:
            return  # of a former state
        result = await self.work.result(build, started.builders.values())
        if result is None:
            return
        if result == "success" and started.job == BUILD:
            for package, builder in started.builders.items():
                properties = await self.work.properties(build, builder)
                self.memory.packages.setdefault(started.change, {})[package] = {
                    name: properties[name] for name in _HANDED_ON if name in properties
                }
        await self._happen(ev.BuildFinished(build, result))

    # Actions

    async def _do(self, action: Action) -> None:
        match action:
            case PrepareState():
                await self._prepare(action)
            case StartBuild():
                await self._start(action)
            case CancelBuild(build):
                started = self.memory.builds.pop(build, None)
                if started is not None:
                    await self.work.cancel(build, started.builders.values())
            case Submit():
                self._later(self._submit(action))
            case Report():
                self._later(self._report(action))
            case Announce(change):
                facts = self.facts.get(change) or self.gate.state.known[change]
                self._later(
                    self.gerrit.vote(
                        int(change), facts.revision, gate_words.announcement(action), None
                    )
                )

    async def _prepare(self, action: PrepareState) -> None:
        changes = [
            PatchSet(c.project, c.branch, int(c.change), c.patchset, c.revision)
            for c in action.changes
        ]
        self.memory.states[action.state] = State(changes)
        await self._remember()
        packages = [p for c in changes for p in self.release.packages_of(c.project)]
        projects = sorted({project for package in packages for project in package.projects})
        sources = await ports.sources(self.gerrit, projects, self.release.branch)
        own = changes[-1]
        await self.work.start(
            action.state,
            builder_names.of_merge(self.release.name),
            f"gate: change {own.number} on {len(changes) - 1} ahead",
            {
                **build_properties(
                    merge_request(sources, changes), own, self.gerrit.change_url(own.number)
                ),
                "state_id": action.state,
            },
            {"project": own.project, "branch": own.branch, "revision": own.revision},
        )

    async def _start(self, action: StartBuild) -> None:
        facts = self.gate.state.known[action.change]
        packages = self.release.packages_of(facts.project)
        job = "gate" if action.job == BUILD else "install-test"
        builders = {
            package.name: builder_names.of_package(job, self.release.name, package.name)
            for package in packages
        }
        self.memory.started(action.build, action.change, action.job, builders)
        await self._remember()
        own = PatchSet(
            facts.project, facts.branch, int(action.change), facts.patchset, facts.revision
        )
        for package in packages:
            properties = await self._build_properties(action, own, package)
            await self.work.start(
                action.build,
                builders[package.name],
                f"gate: {action.job} of change {own.number}, patch set {own.patchset}",
                properties,
                {"project": own.project, "branch": own.branch, "revision": own.revision},
            )

    async def _build_properties(
        self, action: StartBuild, own: PatchSet, package: PackagePlan
    ) -> dict[str, Any]:
        # The state as it was made: what was ahead then may have merged since.
        state = self.memory.states[action.state]
        sources = await ports.sources(self.gerrit, package.projects, self.release.branch)
        request = merge_request(
            sources,
            state.changes,
            tips={project: made["tip"] for project, made in state.projects.items()},
            trees={project: made["tree"] for project, made in state.projects.items()},
        )
        properties = build_properties(request, own, self.gerrit.change_url(own.number))
        if action.job != BUILD:
            properties |= self.memory.packages.get(action.change, {}).get(package.name, {})
        properties["test_repositories_ahead"] = [
            *(
                made["test_repository"]
                for change in action.ahead[::-1]
                for made in self.memory.packages.get(change, {}).values()
                if "test_repository" in made
            ),
            *list(self.memory.unpublished.values())[::-1],
        ]
        return properties

    async def _submit(self, action: Submit) -> None:
        """Merge what was tested, where it was tested."""
        merged: list[str] = []
        refused = None
        try:
            if not merged and not await self._tips_are_as_tested(action):
                return
            for change in action.changes:
                number = int(change.change)
                await self.gerrit.vote(number, change.revision, _success_text(action), _PASSED)
                await self.gerrit.submit(number, change.revision)
                merged.append(change.change)
                await self._after_merge(action, change.change, change.project)
        except ports.SubmitRefused as error:
            refused = str(error)
        except Exception:  # noqa: BLE001 - Gerrit could not be asked: the item stays, and waits
            log.err(None, f"{self.name}: submitting {action.item}; trying again")
            self.master.reactor.callLater(
                _SECONDS_TO_NEXT_SUBMIT, lambda: self._later(self._submit(action))
            )
            return
        await self._happen(ev.SubmitFinished(action.item, tuple(merged), refused))

    async def _tips_are_as_tested(self, action: Submit) -> bool:
        """Whether the branches are where the item's state was built; if not, it is built anew."""
        state = self.memory.states[action.state].projects
        for change in action.changes:
            facts = (await self.gerrit.facts_of([change.change]))[change.change]
            if facts.status == "merged":
                continue  # by us, before a restart
            tip = await self.gerrit.branch_tip(change.project, change.branch)
            if tip not in (state[change.project]["tip"], self.memory.tips.get(change.project)):
                log.msg(f"{self.name}: {change.project} moved to {tip} past the gate")
                await self._happen(ev.SubmitWithdrawn(action.item))
                await self._happen(ev.TipMoved(change.project, change.branch))
                return False
        return True

    async def _after_merge(self, action: Submit, change: str, project: str) -> None:
        """Note where the branch is now, and have the packages published."""
        tip = await self.gerrit.branch_tip(project, self.release.branch)
        self.memory.tips[project] = tip
        facts = self.gate.state.known[change]
        tree = self.memory.states[action.state].projects[project]["tree"]
        approvals = await self.gerrit.approvals(int(change))
        for package in self.release.packages_of(project):
            publication = {
                "package": package.name,
                "change": int(change),
                "patchset": facts.patchset,
                "revision": facts.revision,
                "project": project,
                "merged": {"project": project, "commit": tip, "tree": tree},
                "approvals": approvals,
                "gate_builds": self._builds_of(change, package.name),
                **self.memory.packages.get(change, {}).get(package.name, {}),
            }
            self.memory.publications.append(publication)
            await self._remember()
            await self._publish(publication)

    def _builds_of(self, change: str, package: str) -> list[str]:
        """Where Buildbot has what the gate ran for a change."""
        return [
            self.work.identity(name, started.builders[package])
            for name, started in self.memory.builds.items()
            if started.change == change and package in started.builders
        ]

    async def _publish(self, publication: dict[str, Any]) -> None:
        """Start a publish build for what has merged; done once, whatever happens."""
        own = PatchSet(
            publication["project"],
            self.release.branch,
            publication["change"],
            publication["patchset"],
            publication["revision"],
        )
        package = next(p for p in self.release.packages if p.name == publication["package"])
        sources = await ports.sources(self.gerrit, package.projects, self.release.branch)
        builder = builder_names.of_package("publish", self.release.name, package.name)
        if "test_repository" in publication:
            self.memory.unpublished[f"p{own.label}:{builder}"] = publication["test_repository"]
        handed_on = {n: publication[n] for n in (*_HANDED_ON, *_OF_MERGE) if n in publication}
        await self.work.start(
            f"p{own.label}",
            builder,
            f"change {own.number} was merged by the gate",
            {
                **build_properties(
                    merge_request(sources, []), own, self.gerrit.change_url(own.number)
                ),
                **handed_on,
            },
            {"project": own.project, "branch": own.branch, "revision": own.revision},
        )
        self.memory.publications.remove(publication)
        await self._remember()

    async def _published(self, publication: str) -> None:
        """What is in the release repository now is needed from nowhere else."""
        name, _, builder = publication.partition(":")
        if await self.work.result(name, [builder]) is not None:
            self.memory.unpublished.pop(publication, None)
            await self._remember()

    async def _report(self, action: Report) -> None:
        """Tell the author, once for each patch set and verdict."""
        told = [action.patchset, action.verdict]
        if action.verdict == "success" or self.memory.told.get(action.change) == told:
            return
        failures: list[dict[str, Any]] = []
        for build in action.failed:
            started = self.memory.builds.get(build)
            for builder in () if started is None else started.builders.values():
                properties = await self.work.properties(build, builder)
                own = properties.get("failure")
                failures += properties.get("failures") or ([own] if own else [])
        facts = (await self.gerrit.facts_of([action.change]))[action.change]
        await self.gerrit.vote(
            int(action.change),
            facts.revision,
            gate_words.report(action, failures),
            gate_words.vote(action.verdict) if facts.patchset == action.patchset else None,
        )
        self.memory.told[action.change] = told


def _could_not_merge(failure: dict[str, Any]) -> str:
    return f"its state could not be made: {failure.get('reason', 'no reason given')}"


def _success_text(action: Submit) -> str:
    others = len(action.changes) - 1
    return "Gate passed." + (f" Merging it with {others} others." if others else " Merging it.")


def _builders(release: ReleasePlan) -> list[str]:
    jobs = ("gate", "install-test", "publish")
    return [
        builder_names.of_merge(release.name),
        *(
            builder_names.of_package(job, release.name, package.name)
            for job in jobs
            for package in release.packages
        ),
    ]
