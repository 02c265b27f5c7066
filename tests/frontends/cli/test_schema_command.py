"""The published JSON Schemas, and what they are of."""

from __future__ import annotations

import functools
import json
import math

import jsonschema
import pytest
from click.testing import CliRunner

import nodecheck
from nodecheck.frontends.cli.schema import schema
from nodecheck.options.configuration import json_schema
from nodecheck.results import Metric, Outcome, Result, Run, Series, at_most, to_json


@functools.cache
def published(what):
    result = CliRunner().invoke(schema, [what])
    assert result.exit_code == 0
    return json.loads(result.output)


@pytest.mark.parametrize("what", ["run", "config"])
def test_a_schema_is_one_of_its_dialect(what):
    jsonschema.Draft202012Validator.check_schema(published(what))
    assert published(what)["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_the_schema_of_the_configuration_is_that_of_what_is_read():
    assert json_schema().items() <= published("config").items()


def test_anything_else_is_a_usage_error():
    assert CliRunner().invoke(schema, ["result"]).exit_code == 2


@functools.cache
def real():
    """Return what a run of a layer writes: passed, failed, skipped, and curves."""

    def build(dynamics, t0, t1, n_steps):
        h = (t1 - t0) / n_steps
        return nodecheck.ODELayer(dynamics, t0, t1 + h, n_steps + 1, solver="euler")

    layer = nodecheck.TorchLayer("mine", build, order=1, expected_failures={"constant-field": "known"})
    return json.loads(to_json(nodecheck.run(layer, profile="smoke", select="[cf]o*")))


def test_a_run_is_valid():
    assert {r["status"] for r in real()["results"]} >= {"passed", "failed", "xfailed"}
    jsonschema.validate(real(), published("run"))


def test_a_run_of_an_older_version_is_valid():
    old = {key: value for key, value in real().items() if key != "checks"}
    jsonschema.validate(old, published("run"))


def test_a_run_with_numbers_that_are_not_finite_is_valid():
    wild = Result(
        "l", "c", "p", Outcome.MEASURED, "t", seconds=math.inf,
        measurements=(at_most("x", math.nan, -math.inf),), metrics=(Metric("m", math.inf, "error"),),
        series=(Series("a", "b", (math.nan,), (math.inf,), slope=None),),
    )  # fmt: skip
    jsonschema.validate(json.loads(to_json(Run((wild,)))), published("run"))


@pytest.mark.parametrize(
    "change",
    [
        {"results": {}},
        {"results": [{"layer": "a"}]},
        {"schema_version": "1"},
        {"seconds": "many"},
        {"environment": {"torch": 2}},
    ],
    ids=str,
)
def test_what_is_no_run_is_not_valid(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(real() | change, published("run"))


def test_a_status_that_does_not_exist_is_not_valid():
    changed = json.loads(json.dumps(real()))
    changed["results"][0]["status"] = "perfect"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, published("run"))
