"""Records of a run: plain frozen data whose statuses are computed, to and from JSON."""

from nodecheck.results.layer_card import LayerCard
from nodecheck.results.no_verdict import Inconclusive, Skip, Unsupported
from nodecheck.results.records import (
    NOT_LOOKED_AT,
    NOT_REACHED,
    SCHEMA_VERSION,
    SCOPE,
    SCOPE_BESIDES,
    VERIFIED_SHARE,
    Evidence,
    Measurement,
    Metric,
    Outcome,
    Result,
    Run,
    Series,
    Status,
    at_least,
    at_most,
    finite_or_nan,
)
from nodecheck.results.storage import from_json, json_schema, load_run, to_json, to_page_data

__all__ = [
    "NOT_LOOKED_AT",
    "NOT_REACHED",
    "SCHEMA_VERSION",
    "SCOPE",
    "SCOPE_BESIDES",
    "VERIFIED_SHARE",
    "Evidence",
    "Inconclusive",
    "LayerCard",
    "Measurement",
    "Metric",
    "Outcome",
    "Result",
    "Run",
    "Series",
    "Skip",
    "Status",
    "Unsupported",
    "at_least",
    "at_most",
    "finite_or_nan",
    "from_json",
    "json_schema",
    "load_run",
    "to_json",
    "to_page_data",
]
