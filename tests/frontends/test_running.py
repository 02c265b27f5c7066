"""A run in Python: it prints, shows itself in a notebook, saves its report, and names what was wrong."""

from __future__ import annotations

import dataclasses
import io
import pickle
from pathlib import Path

import html5lib
import pytest
import torch
from bs4 import BeautifulSoup
from click.testing import CliRunner
from rich.console import Console

import nodecheck
from nodecheck import ODELayer, TorchLayer
from nodecheck.frontends.cli.main import main
from nodecheck.frontends.running import ShownRun
from nodecheck.mutants import MUTANTS
from nodecheck.report import html, terminal
from nodecheck.results import Outcome, Result, Run, at_most, from_json, to_json

LAYER = TorchLayer("mine", lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, n_steps))
QUICK = {"profile": "smoke", "select": "adapter"}
(WRONG,) = (mutant.layer for mutant in MUTANTS if mutant.name == "extra-step")
# It has no curves, and so no NaN, which differs from itself.
SMALL = Run(
    (Result("mine", "a", "", Outcome.MEASURED, "A title", measurements=(at_most("error", 1.0, 2.0),)),)
)
SHOWN = nodecheck.run([WRONG, LAYER], profile="smoke", select=["constant-field", "gradient-order"])
PLAIN = Run(**{field.name: getattr(SHOWN, field.name) for field in dataclasses.fields(Run)})


def test_a_run_shows_itself_and_is_a_run():
    run = nodecheck.run(LAYER, **QUICK)
    assert isinstance(run, nodecheck.Run)
    assert "mine" in repr(run)


def test_the_text_of_a_run_is_that_of_the_terminal():
    console = Console(file=io.StringIO(), width=110)
    terminal.render(PLAIN, console)
    assert repr(SHOWN) == str(SHOWN) == console.file.getvalue().strip()


def test_the_text_of_a_run_has_no_colours():
    assert "\x1b" not in repr(SHOWN)


def test_a_stored_run_shows_itself_too(tmp_path):
    page = SHOWN.save(tmp_path / "out")
    loaded = [nodecheck.load_run(path) for path in (page.parent, page, str(page.with_name("run.json")))]
    assert [repr(run) for run in loaded] == [repr(SHOWN)] * 3


def test_a_run_saves_what_the_command_check_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = CliRunner().invoke(
        main, ["check", "odelayer::*rk4-discrete", "--profile", "smoke", "--select", "adapter"]
    )
    assert command.exit_code == 0
    (written,) = Path("reports").iterdir()
    page = SHOWN.save("saved")
    visible = {path.name for path in written.iterdir() if not path.name.startswith(".")}
    assert {path.name for path in page.parent.iterdir()} == visible


def test_a_saved_page_is_the_page_of_the_run(tmp_path):
    assert SHOWN.save(tmp_path).read_text(encoding="utf-8") == html.render(PLAIN, str(tmp_path))


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SHOWN.save(tmp_path / "file")


def test_a_run_that_shows_itself_equals_the_plain_one():
    assert ShownRun.of(SMALL) == SMALL
    assert ShownRun.of(SMALL) == SMALL == from_json(to_json(ShownRun.of(SMALL)))


def test_runs_with_other_results_are_not_equal():
    assert ShownRun.of(SMALL) != dataclasses.replace(SMALL, seed=1)
    assert ShownRun.of(SMALL) != "a text"


def test_a_run_survives_pickle_and_replace():
    shown = ShownRun.of(SMALL)
    other = dataclasses.replace(shown, seed=1)
    assert pickle.loads(pickle.dumps(shown)) == shown
    assert (type(other), other.seed) == (ShownRun, 1)


def test_a_notebook_gets_a_fragment_with_all_layers():
    fragment = SHOWN._repr_html_()
    assert "<html" not in fragment
    assert "<script" not in fragment
    text = BeautifulSoup(fragment, "html.parser").get_text()
    assert all(card.name in text for card in SHOWN.layers)


def test_the_fragment_says_what_the_page_says():
    def headings(source):
        return {h.get_text() for h in BeautifulSoup(source, "html.parser").find_all(["h1", "h3", "h4"])}

    assert len(headings(SHOWN._repr_html_())) > 2
    assert headings(SHOWN._repr_html_()) <= headings(html.render(PLAIN))


def test_the_fragment_is_html_that_parses():
    html5lib.HTMLParser(strict=True).parseFragment(SHOWN._repr_html_(), container="div")


def test_no_rule_of_the_fragment_reaches_beyond_it():
    style = BeautifulSoup(SHOWN._repr_html_(), "html.parser").find("style").get_text()
    depth, outside = 0, ""
    for letter in style:
        depth += (letter == "{") - (letter == "}")
        outside += letter if depth == 0 else ""
    assert outside.split() == [".nodecheck", "}"]
    assert ":root" not in style
    assert " body " not in style


def test_check_is_another_name_of_run():
    assert nodecheck.check is nodecheck.run


REFUSED = [
    ("mylib/layers.py:LAYERS", {}, ValueError, "expected a TorchLayer", "got 'mylib/layers.py:LAYERS'"),
    (Path("layers.py"), {}, ValueError, "expected a TorchLayer", "got 'layers.py'"),
    (ODELayer, {}, ValueError, "expected a TorchLayer", "got 'layers', the class ODELayer"),
    (torch.nn.Sequential(), {}, ValueError, "expected a TorchLayer", "got 'layers', an object of type Seq"),
    ([LAYER, None], {}, ValueError, "expected a TorchLayer", "got 'layers[1]', an object of type NoneType"),
    ([], {}, ValueError, "expected at least one TorchLayer", "got none"),
    (LAYER, {"profile": "fast"}, ValueError, "profile must be one of smoke, ci, full", "got 'fast'"),
    (LAYER, {"profile": None}, ValueError, "profile must be one of smoke, ci, full", "got None"),
    (LAYER, {"device": "gpu"}, ValueError, "device must be one of cpu, cuda, both", "got 'gpu'"),
    (LAYER, {"dtype": "half"}, ValueError, "dtype must be one of float64, float32", "got 'half'"),
    (LAYER, {"dtype": torch.float32}, ValueError, "dtype must be one of", "got torch.float32"),
    (LAYER, {"select": "gradient-ordre"}, ValueError, "--select must match", "got 'gradient-ordre'"),
    (LAYER, {"select": 3}, TypeError, "select must be a text or a sequence of texts", "got 3"),
    (LAYER, {"select": []}, TypeError, "select must be a text or a sequence of texts", "got []"),
    (LAYER, {"seed": 1.5}, TypeError, "seed must be a whole number", "got 1.5"),
    (LAYER, {"seed": -1}, ValueError, "seed must be at least 0", "got '-1'"),
]


ANSWERS = [(nodecheck.run, *row) for row in REFUSED]
ANSWERS += [(nodecheck.parametrize, *row) for row in REFUSED if not row[1].keys() & {"device", "dtype"}]


@pytest.mark.parametrize(("function", "layers", "options", "kind", "expected", "received"), ANSWERS)
def test_a_wrong_argument_is_answered_in_three_parts(function, layers, options, kind, expected, received):
    with pytest.raises(kind) as error:
        function(layers, **options)
    said, _, advice = str(error.value).partition("; ")
    assert said.startswith(expected)
    assert received in said
    assert advice


@pytest.mark.parametrize(
    "options",
    [{"profile": "fast"}, {"device": "gpu"}, {"dtype": "half"}, {"seed": "-1"}, {"select": "zzz"}],
    ids=lambda options: next(iter(options)),
)
def test_a_wrong_value_has_the_same_text_on_the_command_line(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match="must") as error:
        nodecheck.run(LAYER, **{name: int(value) if name == "seed" else value})
    found = CliRunner().invoke(main, ["check", "odelayer", f"--{name}", value])
    assert found.exit_code == 2
    assert " ".join(str(error.value).split()) in " ".join(found.output.split())


def test_a_number_of_numpy_is_a_seed():
    import numpy as np

    assert nodecheck.run(LAYER, seed=np.int64(3), **QUICK).seed == 3


def test_what_shows_itself_is_named_as_a_run_in_the_signature():
    assert issubclass(ShownRun, Run)
