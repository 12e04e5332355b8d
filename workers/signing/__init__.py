"""Signing: keys in a GnuPG home of their own, an append-only log of what was signed for whom."""
