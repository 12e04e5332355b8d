"""What answers of web servers mean."""

from __future__ import annotations

import requests

# Some servers forbid what is not there.
NOT_THERE = (requests.codes.not_found, requests.codes.gone, requests.codes.forbidden)
"""Statuses that say that there is no such file, and not that something failed."""
