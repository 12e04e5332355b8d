"""What carries out the decisions of :mod:`schedulers.gate`: Buildbot's and Gerrit's side of it."""
