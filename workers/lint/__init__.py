"""Lint of built packages by lintian and rpmlint.

:mod:`~workers.lint.tags` reads what the linters print and :mod:`~workers.lint.judgement` decides
what of it forbids a change (both pure); :mod:`~workers.lint.linters` says how each is called and
which of its tags make no sense for packages made here; :mod:`workers.sandbox.enclosure` runs the
host's own linters where a hostile package can do no harm.
"""
