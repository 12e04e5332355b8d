"""Serving repositories, test repositories and artifacts over HTTP from one machine."""
