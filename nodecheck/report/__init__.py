"""Reports of a run, in the terminal and in files: pure functions of a `Run`, without torch."""
