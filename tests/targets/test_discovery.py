"""A target is found, or the error states the expected form, the received one and the remedy."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from nodecheck.layers import TorchLayer
from nodecheck.targets.discovery import load_target
from nodecheck.targets.imports import TargetError, UsageError

LAYER = """
import torch
from nodecheck.layers import TorchLayer

def layer(name):
    return TorchLayer(name, lambda dynamics, t0, t1, n_steps: lambda y0: y0)
"""
FORMS = "a registered name, package.module:object or path/file.py:object"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file of layers and returns its path; sys.path is restored."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)

    def write(code, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LAYER + code)
        return str(path)

    return write


def names(target):
    return [layer.name for layer in load_target(target)]


def test_a_file_yields_the_layers_of_its_sequence_in_order(write):
    assert names(write("LAYERS = [layer('b'), layer('a')]") + ":LAYERS") == ["b", "a"]


def test_a_single_layer_is_a_sequence_of_one(write):
    assert names(write("ONE = layer('one')") + ":ONE") == ["one"]


def test_a_dotted_object_is_found(write):
    assert names(write("class Box:\n    inner = layer('boxed')") + ":Box.inner") == ["boxed"]


def test_a_path_is_relative_to_the_current_directory(write):
    write("ONE = layer('one')", "sub/mine.py")
    assert names("sub/mine.py:ONE") == ["one"]


def test_a_layer_may_have_an_odd_name(write):
    assert names(write("ONE = layer('ΔE/2: <b>[x]</b>')") + ":ONE") == ["ΔE/2: <b>[x]</b>"]


def test_a_file_may_import_its_neighbour_also_after_loading(write):
    write("", "neighbour_of_mine.py")
    code = "import neighbour_of_mine\ndef LATE():\n    import neighbour_of_mine\nONE = layer('one')"
    load_target(write(code) + ":ONE")
    __import__("neighbour_of_mine")


def test_a_module_is_found_from_the_current_directory(write):
    write("ONE = layer('in a module')", "package_of_mine/layers.py")
    assert names("package_of_mine.layers:ONE") == ["in a module"]


def test_a_file_in_a_package_may_import_it_though_it_is_not_installed(write):
    write("", "parcel_of_mine/__init__.py")
    write("NAME = 'found'", "parcel_of_mine/inner/__init__.py")
    code = "from parcel_of_mine.inner import NAME\nONE = layer(NAME)"
    assert names(write(code, "parcel_of_mine/inner/deeper.py") + ":ONE") == ["found"]


def test_what_is_installed_goes_before_the_folder_of_the_package(write, tmp_path):
    write("", "other_of_mine/__init__.py")
    load_target(write("ONE = layer('one')", "other_of_mine/in_it.py") + ":ONE")
    assert sys.path.index(str(tmp_path)) == len(sys.path) - 1


def test_files_of_the_same_name_do_not_collide(write):
    first = write("ONE = layer('first')", "a/same.py")
    second = write("ONE = layer('second')", "b/same.py")
    assert names(f"{first}:ONE") + names(f"{second}:ONE") == ["first", "second"]


def test_a_file_named_like_a_library_does_not_hide_it(write):
    assert names(write("ONE = layer('one')", "torch.py") + ":ONE") == ["one"]
    assert not hasattr(sys.modules["torch"], "ONE")


def test_a_file_is_executed_once(write):
    target = write("ONE, OTHER = layer('one'), layer('other')")
    assert load_target(f"{target}:ONE")[0] is load_target(f"{target}:ONE")[0]


def test_a_file_whose_import_failed_may_be_loaded_again(write):
    path = write("1 / 0")
    with pytest.raises(TargetError):
        load_target(f"{path}:ONE")
    write("ONE = layer('repaired, and longer')")
    assert names(f"{path}:ONE") == ["repaired, and longer"]


@pytest.mark.parametrize("target", ["", "a b", "odelayers"])
def test_an_unregistered_name_is_a_target_error(target):
    with pytest.raises(TargetError, match="which is not registered"):
        load_target(target)


def test_an_unregistered_name_gets_a_suggestion():
    with pytest.raises(TargetError) as caught:
        load_target("torchdifeq")
    assert str(caught.value) == (
        f"expected {FORMS}, got 'torchdifeq', which is not registered; "
        "did you mean torchdiffeq or torchode or torchdyn? "
        "registered are odelayer, torchdiffeq, torchode, torchdyn"
    )


@pytest.mark.parametrize("target", ["mine.py", "package.module"])
def test_a_target_without_an_object_is_a_usage_error(target):
    with pytest.raises(UsageError) as caught:
        load_target(target)
    assert str(caught.value) == (
        f"expected {FORMS}, got '{target}', which names no object; "
        f"add the object behind a colon, for instance `{target}:LAYERS`"
    )


@pytest.mark.parametrize(
    "target", [":LAYERS", "mine.py:", "mine.py:a b", "mine.py:f()", "./mine:LAYERS", "a..b:c"]
)
def test_bad_syntax_is_a_usage_error(target):
    with pytest.raises(UsageError) as caught:
        load_target(target)
    assert str(caught.value) == (
        f"expected {FORMS}, got '{target}'; write for instance `mylib/nodecheck_layers.py:LAYERS`"
    )


def test_a_missing_file_is_a_target_error(write):
    with pytest.raises(TargetError) as caught:
        load_target("nowhere/mine.py:LAYERS")
    assert str(caught.value) == (
        "expected a Python file at 'nowhere/mine.py', got nothing there; "
        "give its path from the current directory"
    )


def test_a_folder_is_not_a_file(write, tmp_path):
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(TargetError, match="got a folder"):
        load_target("folder.py:LAYERS")


def test_a_missing_module_is_a_target_error(write):
    with pytest.raises(TargetError, match="No module named 'no_such_module'; install 'no_such_module'"):
        load_target("no_such_module:LAYERS")


@pytest.mark.parametrize("code", ["raise ZeroDivisionError('x')", "raise SystemExit(7)", "def ("])
def test_an_import_that_raises_is_a_target_error_and_keeps_its_cause(write, code):
    path = write(code)
    with pytest.raises(TargetError, match="to import, got") as caught:
        load_target(f"{path}:LAYERS")
    assert isinstance(caught.value.__cause__, (ZeroDivisionError, SystemExit, SyntaxError))


def test_an_interrupt_while_importing_is_an_interrupt(write):
    with pytest.raises(KeyboardInterrupt):
        load_target(write("raise KeyboardInterrupt") + ":LAYERS")


def test_a_missing_attribute_names_near_ones_and_those_that_hold_layers(write):
    path = write("LAYERS = [layer('a')]\nother = layer('b')\nLATER = 1")
    with pytest.raises(TargetError) as caught:
        load_target(f"{path}:LAYER")
    assert str(caught.value) == (
        f"expected an attribute 'LAYER', got none in '{path}'; "
        "did you mean LAYERS or LATER? it holds the layers LAYERS, other"
    )


def test_a_bare_class_gets_the_adapter_that_it_lacks(write):
    path = write("class MyODELayer(torch.nn.Module): ...")
    with pytest.raises(UsageError) as caught:
        load_target(f"{path}:MyODELayer")
    snippet = textwrap.dedent(str(caught.value).split("\n\n", 1)[1])
    assert "build=lambda dynamics, t0, t1, n_steps: MyODELayer(dynamics, t0, t1, n_steps)," in snippet
    compile(snippet, "snippet", "exec")


@pytest.mark.parametrize("value", ["torch.nn.Linear(1, 1)", "lambda y: y", "[torch.nn.Linear(1, 1)]"])
def test_something_callable_that_is_no_layer_gets_the_adapter(write, value):
    with pytest.raises(UsageError, match=r"nodecheck\.TorchLayer\("):
        load_target(write(f"IT = {value}") + ":IT")


@pytest.mark.parametrize("value", ["3", "'text'", "None", "[layer('a'), 3]", "{'a': layer('a')}"])
def test_an_object_that_is_no_layer_is_a_usage_error(write, value):
    with pytest.raises(UsageError, match="expected a TorchLayer or a sequence of them, got 'IT"):
        load_target(write(f"IT = {value}") + ":IT")


@pytest.mark.parametrize("value", ["()", "[]"])
def test_an_empty_sequence_is_a_usage_error(write, value):
    with pytest.raises(UsageError, match=r"got an empty sequence in .*; add a layer"):
        load_target(write(f"IT = {value}") + ":IT")


def test_layers_of_the_same_name_are_a_usage_error(write):
    with pytest.raises(UsageError, match=r"got 'a' more than once in .*; give each layer its own name"):
        load_target(write("IT = [layer('a'), layer('b'), layer('a')]") + ":IT")


@pytest.mark.parametrize(
    "call",
    [
        "TorchLayer('a', lambda dynamics, t0, t1: None)",
        "TorchLayer('a', 3)",
        "TorchLayer('')",
        "TorchLayer('a', lambda dynamics, t0, t1, tol: None, order=0)",
        "TorchLayer('a', lambda dynamics, t0, t1, tol: None, ordre=4)",
    ],
)
def test_a_layer_built_wrongly_is_a_usage_error(write, call):
    path = write(f"IT = {call}")
    with pytest.raises(UsageError):
        load_target(f"{path}:IT")


def test_a_value_error_of_the_file_itself_is_a_target_error(write):
    with pytest.raises(TargetError, match="ValueError: mine"):
        load_target(write("raise ValueError('mine')") + ":IT")


LIGHT = ("registry", "entry_points", "known_failures", "imports", "discovery", "loading")


@pytest.mark.parametrize("module", LIGHT)
def test_a_target_can_be_looked_up_without_torch(module):
    code = f"import sys, nodecheck.targets.{module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_what_is_loaded_are_layers(write):
    assert all(isinstance(layer, TorchLayer) for layer in load_target("odelayer"))
