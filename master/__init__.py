"""Wiring: site file, configurator, Gerrit, web pages and the lockgate command."""
