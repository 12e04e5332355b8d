"""What runs when: the gate's pure state machine and the thin Buildbot schedulers around it."""
