"""Uses and instruments that there are on a device only."""
