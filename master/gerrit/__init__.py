"""Gerrit: events in, questions and verdicts over REST."""
