"""Repositories: test repositories of proposed changes and the release repository of a branch.

A repository is published in two acts, so that signing can happen elsewhere between them:
``stage`` puts packages and indexes in place where no client looks yet, ``commit`` renames the
commit point (APT: ``InRelease``, RPM: ``repomd.xml``), before which clients see the old
generation and after which they see the new one.
"""
