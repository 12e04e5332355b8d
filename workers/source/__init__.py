"""Speculative states: proposed changes merged on their branches as Gerrit would submit them.

:mod:`~workers.source.request` says what is asked for, :mod:`~workers.source.plan` decides what
Gerrit would do with each change (pure), :mod:`~workers.source.merge` merges trees,
:mod:`~workers.source.state` brings both together in a :class:`~workers.source.mirror.Mirror`, and
:mod:`~workers.source.export` writes the resulting trees for a build.
"""
