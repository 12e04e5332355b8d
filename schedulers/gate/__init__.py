"""The gate's queue as a pure state machine: see :mod:`schedulers.gate.machine`."""

from schedulers.gate.config import GateConfig, Job, Project, QueueKind, WindowRule
from schedulers.gate.facts import ChangeFacts, Facts, Parent, UnknownChanges
from schedulers.gate.machine import Gate

__all__ = [
    "ChangeFacts",
    "Facts",
    "Gate",
    "GateConfig",
    "Job",
    "Parent",
    "Project",
    "QueueKind",
    "UnknownChanges",
    "WindowRule",
]
