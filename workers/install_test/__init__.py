"""The install test: each built package by itself on a machine with a minimal system.

::

    install_test.test ──> clients.PackageClient (deb.py, rpm.py): what apt and dnf are asked
          │               autopkgtest.py, smoke.py: what is run once it is installed
          │               leftovers.py: what may differ afterwards
          └─────────────> machine.Machine: where it happens (sandbox_machine.py)

:class:`~workers.install_test.machine.Machine` is where virtual machines come in: the test knows
nothing else of what it runs on.
"""
