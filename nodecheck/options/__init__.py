"""Options of a run: their definitions, profiles, the configuration file, expected failures, settings."""
