"""The reference shares no code with an automatic differentiation library: it imports none."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nodecheck

PACKAGE = Path(nodecheck.__file__).parent
ALLOWED = {"numpy", "scipy", "array_api_compat", "threadpoolctl", "nodecheck"}
ALLOWED_INSIDE = (
    "nodecheck.problems",
    "nodecheck.reference",
    "nodecheck.numerics.constants",
    "nodecheck.numerics.errors",
    "nodecheck.numerics.formats",
)
# Modules of the user are written in torch, and differentiated by it: these files alone know of it.
OF_MODULES = {PACKAGE / "problems" / "own.py", *PACKAGE.glob("problems/modules/*.py")}
SOURCES = sorted({*PACKAGE.glob("reference/**/*.py"), *PACKAGE.glob("problems/**/*.py")} - OF_MODULES)


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


@pytest.mark.parametrize("module", ["constants", "errors"])
def test_what_they_take_from_the_numerics_imports_nothing_but_numpy(module):
    source = (PACKAGE / "numerics" / f"{module}.py").read_text(encoding="utf-8")
    known = {"__future__", "collections.abc", "math", "typing", "numpy", "numpy.typing"}
    assert set(imported_modules(source)) <= known


def loaded(script, libraries):
    """Return those of the libraries that are loaded after a script has run in an interpreter of its own."""
    script = f"import sys; {script}; print(*sorted({libraries!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    return done.stdout.split()


def test_computing_a_gradient_loads_no_automatic_differentiation_library():
    script = "import nodecheck.reference as r; from nodecheck.problems import linear; r.sensitivity(linear)"
    assert loaded(script, {"torch", "jax", "autograd", "tensorflow"}) == []


@pytest.mark.parametrize("module", ["nodecheck.reference", "nodecheck.reference.ivp", "nodecheck.problems"])
def test_importing_the_reference_loads_neither_scipy_nor_torch(module):
    assert loaded(f"import {module}", {"scipy", "threadpoolctl", "torch"}) == []


def test_threads_are_limited_in_the_blas_of_scipy_too():
    script = (
        "import nodecheck.reference.integration as i, nodecheck.reference as r; "
        "from nodecheck.problems import neural; r.solution(neural); "
        "from threadpoolctl import threadpool_info as info; blas = lambda x: x['user_api'] == 'blas'; "
        "known = [c.filepath for c in i._threads().lib_controllers if c.user_api == 'blas']; "
        "assert {x['filepath'] for x in info() if blas(x)} <= set(known)"
    )
    assert loaded(script, {"torch"}) == []
