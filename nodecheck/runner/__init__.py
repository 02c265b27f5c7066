"""Running checks on layers: the plan, the child processes, the session, the journal."""
