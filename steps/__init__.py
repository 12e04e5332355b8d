"""What a build does: Buildbot steps that each describe one act and call a program in workers/."""
