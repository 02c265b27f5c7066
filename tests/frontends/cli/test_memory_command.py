"""`nodecheck memory`: what it measures, writes and says, and its exit codes."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.measure.memory.ladder import at_level
from nodecheck.results import load_run
from nodecheck.runner import remote
from nodecheck.runner.children import describe
from nodecheck.runner.isolation import Child
from nodecheck.runner.memory_ladder import MemoryLadder, ladder_of, memory_plan

SHORT = ("--steps", "4:40", "--state", "256", "--output", "out")
LAYERS = """
from nodecheck import ODELayer, TorchLayer

def layer(adjoint, claim=None):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="euler", adjoint=adjoint)
    return TorchLayer(adjoint, build, memory=claim)

BOTH = [layer("continuous"), layer("discrete")]
LYING = layer("discrete", "constant")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `nodecheck memory` beside a file with layers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(LAYERS)
    return lambda *arguments: CliRunner().invoke(main, ["memory", *arguments])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Measure both layers, and a target that is not there, once; return what was said and the folder."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "mine.py").write_text(LAYERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(torch.cuda, "is_available", lambda: False)
        return CliRunner().invoke(main, ["memory", "mine.py:BOTH", "nothing.py:LAYER", *SHORT]), folder


@pytest.fixture(scope="module")
def stored(done):
    """Return what is stored, by layer."""
    return {r.layer: r for r in load_run(done[1] / "out" / "run.json").results}


@pytest.fixture
def interrupted(monkeypatch):
    """Press Ctrl-C when the level behind so many is being measured."""

    def press(after):
        real, seen = Child.call, set()

        def call(self, function, *arguments, seconds):
            if function is remote.solve_here:
                _target, name, solve, _cotangents, instruments, _seconds = arguments
                level = (name, solve.resolution)
                if "live" in instruments and level not in seen:
                    seen.add(level)
                    if len(seen) > after:
                        raise KeyboardInterrupt
            return real(self, function, *arguments, seconds=seconds)

        monkeypatch.setattr(Child, "call", call)

    return press


@pytest.mark.parametrize(("layer", "law"), [("continuous", "O(1)"), ("discrete", "O(n)")])
def test_the_law_of_each_layer_is_measured(stored, layer, law):
    assert stored[layer].facts["memory law"].startswith(law)


def test_the_results_are_those_of_the_check(stored):
    assert {r.check for r in stored.values()} == {"memory-law"}


def test_the_curves_are_drawn_in_the_plot_of_memory(stored):
    assert {s.plot for s in stored["discrete"].series} == {"Memory"}


def test_the_curves_reach_from_one_end_to_the_other(stored):
    assert [stored["discrete"].series[0].x[k] for k in (0, -1)] == [4, 40]


def test_the_device_is_a_fact(stored):
    assert stored["discrete"].facts["device"] == "cpu"


def test_without_cuda_it_is_a_fact_that_it_was_not_measured(stored):
    assert stored["continuous"].facts["CUDA"].startswith("not measured on this machine")


def test_nothing_is_said_about_a_device_that_was_not_asked_for(run, tmp_path):
    run("mine.py:LYING", *SHORT, "--device", "cpu")
    (result,) = load_run(tmp_path / "out" / "run.json").results
    assert "CUDA" not in result.facts


@pytest.fixture(scope="module")
def on_two_devices():
    """Measure a layer on two devices, as if there were another one: the CPU stands for it."""
    with pytest.MonkeyPatch.context() as patch:
        on_cpu = "nodecheck.runner.memory_ladder.at_level"
        patch.setattr(on_cpu, lambda layer, level, width, _device: at_level(layer, level, width))
        ladder = MemoryLadder(ladder_of("4:40"), (64, 128), 2**32, 60, ("cpu", "cuda"))
        cards = describe(["odelayer"], 2**32).layers
        plan = memory_plan([card for card in cards if card.name == "odelayer-euler-discrete"])
        (result,) = ladder.examine(plan)
    return result, ladder


def test_two_devices_are_measured_into_one_result(on_two_devices):
    result, ladder = on_two_devices
    assert [device for _, device in ladder.footprints] == ["cpu", "cuda"]
    assert {s.plot for s in result.series} == {"Memory", "Memory on CUDA"}
    assert result.facts["device"] == "cpu and cuda"


def test_the_law_on_the_second_device_is_a_fact_of_its_own(on_two_devices):
    facts = on_two_devices[0].facts
    assert facts["memory law on cuda"] == facts["memory law"]


def test_the_page_is_written(done):
    assert "Memory" in (done[1] / "out" / "index.html").read_text()


def test_the_table_names_law_and_states_per_step(done):
    assert "O(n)" in done[0].output
    assert "per step" in done[0].output


def test_the_folder_is_named_for_the_target(run, tmp_path):
    run("mine.py:LYING", *SHORT[:4])
    assert (tmp_path / "reports" / "mine-py-LYING-memory" / "run.json").exists()


def test_a_broken_claim_exits_with_1(run):
    result = run("mine.py:LYING", *SHORT)
    assert (result.exit_code, "constant is claimed" in " ".join(result.output.split())) == (1, True)


def test_a_target_that_cannot_be_loaded_exits_with_3(done):
    assert done[0].exit_code == 3


def test_a_target_that_cannot_be_loaded_is_stored(done):
    assert "nothing.py:LAYER" in load_run(done[1] / "out" / "run.json").load_errors


def test_ctrl_c_keeps_the_layers_that_were_done(run, interrupted, tmp_path):
    interrupted(after=len(ladder_of("4:40")) + 1)
    assert run("mine.py:BOTH", *SHORT).exit_code == 130
    (first, second) = load_run(tmp_path / "out" / "run.json").results
    assert [str(first.status), str(second.status)] == ["passed", "inconclusive"]


def test_ctrl_c_keeps_the_levels_of_the_layer_at_hand_which_may_decide_nothing(run, interrupted, tmp_path):
    interrupted(after=3)
    assert run("mine.py:BOTH", *SHORT).exit_code == 130
    (result,) = load_run(tmp_path / "out" / "run.json").results
    assert len(result.series[0].x) == 3
    assert str(result.status) == "inconclusive"


@pytest.mark.parametrize("steps", ["10", "10:", "1000:10", "10:12", "0:100", "a:b", "-1:100", "10:1e3"])
def test_steps_that_make_no_ladder_exit_with_2(run, steps):
    assert run("odelayer", f"--steps={steps}").exit_code == 2


def test_steps_that_make_no_ladder_are_answered_in_three_beats(run):
    output = " ".join(run("odelayer", "--steps", "10:12").output.split())
    assert "must be FIRST:LAST" in output
    assert "got '10:12'; 10:1000 is the usual ladder" in output


@pytest.mark.parametrize("state", ["0", "128", "300", "-256"])
def test_a_state_of_another_size_exits_with_2(run, state):
    assert run("odelayer", f"--state={state}").exit_code == 2


def test_no_cuda_exits_with_2(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run("odelayer", "--device", "cuda").exit_code == 2


def test_no_cuda_is_answered_with_what_to_do(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "measure with --device cpu" in " ".join(run("odelayer", "--device", "cuda").output.split())


def test_limits_and_folder_of_the_configuration_hold_for_memory(run, monkeypatch, tmp_path):
    (tmp_path / "nodecheck.toml").write_text('time_limit = 7\nmemory_limit = 3\noutput = "found"\n')
    seen = []
    monkeypatch.setattr(MemoryLadder, "examine", lambda self, _plan: seen.append(self) or ())
    run("mine.py:BOTH", *SHORT[:4])
    assert [(ladder.seconds, ladder.memory_limit) for ladder in seen] == [(7.0, 3 * 2**30)]
    assert (tmp_path / "found" / "run.json").is_file()


def test_nothing_is_written_where_nothing_can_be_measured(run, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run("odelayer", "--device", "cuda")
    assert not (tmp_path / "reports").exists()


def test_the_ladder_keeps_its_ends():
    assert (ladder_of("10:1000")[0], ladder_of("10:1000")[-1]) == (10, 1000)


def test_the_ladder_consists_of_squares_between_its_ends():
    assert all(int(n**0.5) ** 2 == n for n in ladder_of("10:1000")[1:-1])
