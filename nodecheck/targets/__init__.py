"""Targets: from a name on the command line to layers."""
