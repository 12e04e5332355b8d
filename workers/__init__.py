"""What runs on a worker: programs usable from a shell, without Buildbot."""
