from buildbot.schedulers.base import ReconfigurableBaseScheduler


class GateScheduler(ReconfigurableBaseScheduler):
    def checkConfig(self, gerrit, release, settings):
        super().checkConfig(
            builderNames=["gate/main/hello", "gate/main/ncompress", "gate/main/tree", "merge/main"]
        )

    def reconfigService(self, gerrit, release, settings):
        return super().reconfigService(
            builderNames=["gate/main/hello", "gate/main/ncompress", "gate/main/tree", "merge/main"]
        )
