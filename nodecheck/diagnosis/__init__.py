"""From a wrong number to a named cause."""
