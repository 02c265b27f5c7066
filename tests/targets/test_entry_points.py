"""Other packages register targets by an entry point; nodecheck's own names come first, imports come late."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from nodecheck.frontends.cli.catalogue import listing
from nodecheck.targets.discovery import load_target
from nodecheck.targets.entry_points import extensions
from nodecheck.targets.imports import TargetError, UsageError
from nodecheck.targets.loading import load_targets

LAYERS = """
from nodecheck.layers import TorchLayer
LAYERS = [TorchLayer(name, lambda dynamics, t0, t1, n_steps: lambda y0: y0) for name in ("first", "second")]
ONE = TorchLayer("one", lambda dynamics, t0, t1, n_steps: lambda y0: y0)
NOTHING = 3
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a package with entry points on the path, like an installer."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def install(points, *, package="otherpackage", code=LAYERS):
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[nodecheck.layers]\n{lines}")
        monkeypatch.delitem(sys.modules, package, raising=False)

    yield install
    for name in ("otherpackage", "anotherpackage", "brokenpackage"):
        sys.modules.pop(name, None)


def names(target):
    return [layer.name for layer in load_target(target)]


def test_a_registered_target_yields_its_layers_in_order(install):
    install({"theirs": "otherpackage:LAYERS"})
    assert names("theirs") == ["first", "second"]


def test_a_single_layer_is_a_sequence_of_one(install):
    install({"theirs": "otherpackage:ONE"})
    assert names("theirs") == ["one"]


def test_a_module_alone_stands_for_its_LAYERS(install):
    install({"theirs": "otherpackage"})
    assert names("theirs") == ["first", "second"]


def test_what_is_registered_is_known_without_importing_it(install):
    install({"theirs": "otherpackage:LAYERS"})
    assert [(e.name, e.object, e.package) for e in extensions() if e.module == "otherpackage"] == [
        ("theirs", "otherpackage:LAYERS", "otherpackage 1.2")
    ]
    assert "otherpackage" not in sys.modules


def test_it_is_listed_with_the_package_that_registers_it(install):
    install({"theirs": "otherpackage:LAYERS"})
    assert ("theirs", "otherpackage:LAYERS, registered by otherpackage 1.2") in list(listing("layers"))


def test_a_name_of_nodecheck_comes_first_with_a_warning(install):
    install({"odelayer": "otherpackage:LAYERS"})
    with pytest.warns(
        UserWarning, match=r"odelayer is a target of nodecheck itself; .*`otherpackage:LAYERS`"
    ):
        assert all(name.startswith("odelayer-") for name in names("odelayer"))


def test_a_hidden_target_is_listed_with_the_way_to_it(install):
    install({"odelayer": "otherpackage:LAYERS"})
    hidden = [text for name, text in listing("layers") if name == "odelayer"][1]
    assert hidden.endswith("hidden by nodecheck's own odelayer: write otherpackage:LAYERS")


def test_two_packages_with_one_name_are_told_apart_by_the_user(install):
    install({"theirs": "otherpackage:LAYERS"})
    install({"theirs": "anotherpackage:LAYERS"}, package="anotherpackage")
    with pytest.raises(
        TargetError, match=r"got anotherpackage 1\.2, otherpackage 1\.2; write anotherpackage:"
    ):
        load_target("theirs")


@pytest.mark.parametrize(
    ("code", "received"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("raise SystemExit(7)", "SystemExit: 7"),
        ("import a_library_that_is_not_there", "install 'a_library_that_is_not_there'"),
        ("", "expected an attribute 'LAYERS', got none"),
    ],
)
def test_a_target_that_cannot_be_imported_is_an_error_that_names_its_package(install, code, received):
    install({"broken": "brokenpackage:LAYERS"}, package="brokenpackage", code=code)
    with pytest.raises(TargetError) as caught:
        load_target("broken")
    assert str(caught.value).startswith("'broken' is registered by brokenpackage 1.2, but: ")
    assert received in str(caught.value)


def test_a_broken_target_does_not_keep_the_others_from_running(install):
    install({"broken": "brokenpackage:LAYERS"}, package="brokenpackage", code="1 / 0")
    loaded = load_targets(["broken", "odelayer"])
    assert (list(loaded.load_errors), list(loaded.by_target)) == (["broken"], ["odelayer"])


def test_what_is_no_layer_is_a_usage_error(install):
    install({"theirs": "otherpackage:NOTHING"})
    with pytest.raises(UsageError, match="expected a TorchLayer or a sequence of them"):
        load_target("theirs")


def test_a_misspelt_name_suggests_a_registered_one(install):
    install({"theirs": "otherpackage:LAYERS"})
    with pytest.raises(TargetError, match="did you mean theirs"):
        load_target("theirz")


def test_the_command_line_lists_it(install, tmp_path):
    install({"theirs": "otherpackage:ONE"})
    start = "from nodecheck.frontends.cli.main import main\nmain()"
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{start}"
    command = [sys.executable, "-c", textwrap.dedent(code), "list", "layers"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "theirs" in done.stdout
