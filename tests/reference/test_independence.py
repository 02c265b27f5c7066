"""The reference cannot share a bug with an automatic differentiation library: none is importable from it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nodecheck

PACKAGE = Path(nodecheck.__file__).parent
ALLOWED = {"numpy", "scipy", "array_api_compat", "threadpoolctl", "nodecheck"}
ALLOWED_INSIDE = ("nodecheck.problems", "nodecheck.reference")
SOURCES = sorted([*PACKAGE.glob("reference/**/*.py"), *PACKAGE.glob("problems/**/*.py")])


def imported_modules(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_reference_and_problems_import_nothing_but_numpy_and_scipy(path):
    for module in imported_modules(path.read_text(encoding="utf-8")):
        root = module.partition(".")[0]
        assert root in ALLOWED | sys.stdlib_module_names, module
        assert root != "nodecheck" or module.startswith(ALLOWED_INSIDE), module


def test_computing_a_gradient_loads_no_automatic_differentiation_library():
    script = (
        "import sys, nodecheck.reference as r; from nodecheck.problems import linear; r.sensitivity(linear); "
        "print(sorted({'torch', 'jax', 'autograd', 'tensorflow'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"
