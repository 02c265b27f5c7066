"""`[tool.nodecheck]` of pyproject.toml, or nodecheck.toml: what is checked, and what is known to fail."""

from nodecheck.configuration.expectations import expectations
from nodecheck.configuration.reading import load_configuration
from nodecheck.configuration.table import Configuration, ConfigurationError, Expectation, Table, json_schema

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Expectation",
    "Table",
    "expectations",
    "json_schema",
    "load_configuration",
]
