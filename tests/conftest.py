"""Fixtures every test may use."""

pytest_plugins = ["tests.gerrit_fixture", "tests.reactor_fixture"]
