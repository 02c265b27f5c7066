"""What a run looks like to a reader: pure functions of a `Run`, without torch."""
