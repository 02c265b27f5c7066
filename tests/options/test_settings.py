"""The settings of a run: what was given, then what is configured, then the defaults."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from nodecheck.options.configuration import Configuration, Table
from nodecheck.options.output_folder import default_folder, make_folder
from nodecheck.options.settings import in_bytes, resolve_settings

CONFIGURED = Configuration(Table(profile="full", seed=3, jobs=2, output="configured"))


def settings(configuration=CONFIGURED, *, targets=("a.py:X",), jobs=None, **given):
    return resolve_settings(targets, given, configuration, every_layer=False, jobs=jobs)


def test_a_given_value_goes_before_a_configured_one():
    assert (settings(seed=5).seed, settings(seed=0).seed) == (5, 0)


def test_a_configured_value_goes_before_the_default():
    assert (settings().profile, settings().seed, settings().output) == ("full", 3, Path("configured"))


def test_without_any_value_the_defaults_hold():
    found = settings(Configuration())
    assert (found.profile, found.select, found.seed, found.time_limit) == ("ci", ("*",), 0, None)
    assert found.output is None


def test_without_an_output_the_folder_is_named_after_the_targets():
    assert settings(Configuration()).folder == Path("reports/a-py-X")


def test_a_target_that_is_given_twice_counts_once():
    assert settings(targets=("a", "b", "a")).targets == ("a", "b")


def test_the_layers_that_are_chosen_are_part_of_the_identity():
    found = settings(Configuration(), layer=("rk4*",))
    assert found.identity["targets"] == ["a.py:X::rk4*"]


def test_layers_that_run_at_a_time_share_half_of_the_memory():
    total = psutil.virtual_memory().total
    assert settings().memory_limit == in_bytes(None, 2) == total // 4
    assert settings(jobs=1).memory_limit == total // 2


def test_a_memory_limit_that_is_given_is_that_of_each_layer():
    assert settings(memory_limit=1.5).memory_limit == int(1.5 * 2**30)


def test_at_most_four_layers_run_at_a_time_unless_more_are_asked_for():
    assert 1 <= settings(Configuration()).jobs <= 4
    given = resolve_settings((), {"jobs": 9}, Configuration(), every_layer=False)
    assert given.jobs == 9


def test_the_identity_names_what_a_resumed_run_must_share():
    assert settings().identity.keys() == {
        "targets",
        "profile",
        "select",
        "seed",
        "device",
        "dtype",
        "problems",
        "version",
    }


@pytest.mark.parametrize(
    ("targets", "name"),
    [
        (("mylib/layers.py:LAYERS",), "layers-py-LAYERS"),
        (("odelayer", "torchode"), "odelayer+torchode"),
        (("::",), "run"),
        (("x" * 200,), "x" * 80),
    ],
)
def test_a_folder_is_named_after_letters_and_digits(targets, name):
    assert default_folder(targets) == Path("reports") / name


def test_a_suffix_stands_behind_the_name():
    assert default_folder(("odelayer",), "-memory").name == "odelayer-memory"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"--output must be a folder .*, got .*; name another"):
        make_folder(tmp_path / "file" / "out")
