"""The shape of the code, read from its source."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.checks.check import REQUIREMENTS

PACKAGE = Path(nodecheck.__file__).parent
SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# From the ground up: a module imports only from lines above it (and from its own).
LAYERS = (
    "_version",
    "results",
    "numerics",
    "problems",
    "reference",
    "options",
    "neural_ode",
    "adapt",
    "layers",
    "backends",
    "targets",
    "mutants",
    "measure",
    "variations",
    "diagnosis",
    "checks",
    "own_model",
    "runner",
    "reproduce",
    "report",
    "frontends",
    "__main__",
)
LONGEST_FILE, LONGEST_FUNCTION = 320, 60
# Everything that is measured and concluded: pure functions of solutions, whatever framework they come from.
WITHOUT_A_FRAMEWORK = ("measure", "variations", "diagnosis", "checks")
# A report knows what is reported, and how an order is fitted (NumPy alone); nothing of how it was measured.
REPORT_MAY_IMPORT = {"results", "numerics", "report"}


@functools.cache
def tree(module):
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


class Imports(ast.NodeVisitor):
    """Collects the full names of what a module imports, except for type checkers only."""

    def __init__(self):
        self.names = []

    def visit_If(self, node):
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node):
        self.names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node):
        assert node.level == 0, "relative imports are banned"
        self.names += [f"{node.module}.{alias.name}" for alias in node.names]


def imports(module):
    visitor = Imports()
    visitor.visit(tree(module))
    return visitor.names


def own_parts(module):
    """Return the top-level parts of nodecheck that a module imports from."""
    inside = [name.split(".")[1] for name in imports(module) if name.startswith("nodecheck.")]
    return {part for part in inside if part in LAYERS}


def part_of(module):
    return module.split(".")[0]


def test_every_part_of_the_package_has_its_place_in_the_order():
    assert {part_of(m) for m in SOURCES} - {"__init__"} <= set(LAYERS)


def test_the_order_names_no_part_that_is_gone():
    assert set(LAYERS) <= {part_of(m) for m in SOURCES}


@pytest.mark.parametrize("module", [m for m in SOURCES if m != "__init__"])
def test_a_module_imports_only_from_above(module):
    here = LAYERS.index(part_of(module))
    below = {part for part in own_parts(module) if LAYERS.index(part) > here}
    assert not below, f"{module} imports from {sorted(below)}, which lie below it"


def test_the_order_is_seen_by_this_test():
    """The command line does import the runner, inside a function: the reading of imports finds it."""
    assert "runner" in own_parts("frontends.cli.check")


def test_imports_for_type_checkers_do_not_count():
    visitor = Imports()
    visitor.visit(ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\nimport c"))
    assert visitor.names == ["c"]


@pytest.mark.parametrize("module", [m for m in SOURCES if part_of(m) == "report"])
def test_the_report_imports_nothing_that_measures(module):
    assert own_parts(module) <= REPORT_MAY_IMPORT


@pytest.mark.parametrize("module", [m for m in SOURCES if part_of(m) == "report"])
def test_the_report_imports_no_tensor_library(module):
    assert not {name.split(".")[0] for name in imports(module)} & {"torch", "jax", "scipy"}


@pytest.mark.parametrize("module", [m for m in SOURCES if part_of(m) == "results"])
def test_what_the_report_reads_imports_no_tensor_library(module):
    assert not {name.split(".")[0] for name in imports(module)} & {"torch", "jax", "scipy", "numpy"}


WITHOUT_TORCH = [module for module in SOURCES if part_of(module) in WITHOUT_A_FRAMEWORK]


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_concludes_from_solutions_imports_no_framework(module):
    assert not {name.split(".")[0] for name in imports(module)} & {"torch", "jax", "torchdiffeq", "torchode"}


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_concludes_from_solutions_knows_no_backend_and_no_layer(module):
    assert not own_parts(module) & {"backends", "neural_ode", "targets", "mutants"}


def test_there_are_at_most_sixteen_public_names():
    assert 1 <= len(nodecheck.__all__) <= 16


@pytest.mark.parametrize("name", nodecheck.__all__)
def test_a_public_name_can_be_imported(name):
    assert getattr(nodecheck, name) is not None


def test_a_public_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        nodecheck.nothing  # noqa: B018


def test_dir_shows_the_public_names():
    assert set(nodecheck.__all__) <= set(dir(nodecheck))


def modules_after(code):
    """Return the top-level modules that are loaded after `code` has run in an interpreter of its own."""
    program = f"import sys\n{code}\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=PACKAGE.parent,
    )
    return set(done.stdout.split())


HEAVY = {"torch", "numpy", "scipy", "matplotlib", "pydantic", "hypothesis"}


def test_importing_nodecheck_imports_nothing_heavy():
    assert not modules_after("import nodecheck") & HEAVY


def test_the_help_imports_nothing_heavy():
    code = "from nodecheck.frontends.cli.main import main\nmain(['--help'], standalone_mode=False)"
    assert not modules_after(code) & HEAVY


def test_reading_a_run_imports_neither_torch_nor_numpy():
    code = "import nodecheck\nfrom nodecheck.results import from_json\nfrom_json('{\"results\": []}')"
    assert not modules_after(code) & {"torch", "numpy", "scipy", "matplotlib"}


def test_importing_the_checks_imports_neither_a_framework_nor_a_search():
    assert not modules_after("import nodecheck.checks") & {"torch", "hypothesis", "scipy", "matplotlib"}


def test_rendering_a_report_does_not_import_torch():
    code = (
        "from nodecheck.report import html, terminal\nfrom nodecheck.results import Run\nhtml.render(Run(()))"
    )
    assert "torch" not in modules_after(code)


# A table of numbers is read one entry at a time.
TABLES = ("numerics.audit_constants", "numerics.constants")


@pytest.mark.parametrize("module", [module for module in SOURCES if module not in TABLES])
def test_a_file_is_short(module):
    assert len(SOURCES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def functions(module):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def length(function):
    """Return the number of lines of a function without those of its docstring."""
    doc = function.body[0] if ast.get_docstring(function) is not None else None
    return function.end_lineno - function.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)


@pytest.mark.parametrize("module", SOURCES)
def test_functions_are_short(module):
    assert {f.name: length(f) for f in functions(module) if length(f) > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_printed(module):
    calls = [node for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if ast.unparse(call.func) == "print"]


# The runner, `attempt`, the trial of a script and the command `audit` catch what the user's code raises, and
# the import of a target what its file raises; what a thread raises is handed to the one that waits for it.
MAY_CATCH_EVERYTHING = {
    "runner.measure",
    "runner.parallel",
    "reproduce.trial",
    "layers.attempt",
    "targets.imports",
    "frontends.cli.audit",
}


def catches_everything(handler):
    """Whether a handler keeps whatever comes: one that tidies up and raises it again does not."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    return handler.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(handler.type))


@pytest.mark.parametrize("module", [m for m in SOURCES if m not in MAY_CATCH_EVERYTHING])
def test_nothing_but_the_runner_catches_everything(module):
    handlers = [node for node in ast.walk(tree(module)) if isinstance(node, ast.ExceptHandler)]
    assert not [h.lineno for h in handlers if catches_everything(h)]


BOUND_NAMES = re.compile(r"(rtol|atol|tol|bound)s?$", re.IGNORECASE)


def literal_bounds(source):
    """Return the lines on which a literal small number is given to something called a tolerance or bound."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            pairs = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            pairs = [(ast.unparse(node.target), node.value)]
        elif isinstance(node, ast.keyword) and node.arg:
            pairs = [(node.arg, node.value)]
        else:
            continue
        for name, value in pairs:
            literal = isinstance(value, ast.Constant) and isinstance(value.value, float)
            if BOUND_NAMES.search(name) and literal and 0 < value.value < 1e-2:
                found.append(value.lineno)
    return found


@pytest.mark.parametrize("module", [m for m in SOURCES if part_of(m) == "checks"])
def test_no_check_types_a_tolerance(module):
    assert not literal_bounds(SOURCES[module].read_text(encoding="utf-8"))


def literal_measurement_bounds(source):
    """Return the lines on which a measurement is bounded by a literal that is neither an integer nor 1/2."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    bounds = [c.args[2] for c in calls if ast.unparse(c.func) in ("at_most", "at_least") and len(c.args) > 2]
    numbers = [b for b in bounds if isinstance(b, ast.Constant)]
    return [b.lineno for b in numbers if b.value not in (0, 0.5, 1)]


@pytest.mark.parametrize("module", [m for m in SOURCES if part_of(m) == "checks"])
def test_no_measurement_is_bounded_by_a_literal(module):
    assert not literal_measurement_bounds(SOURCES[module].read_text(encoding="utf-8"))


# Numbers that mean themselves: nothing, one, both, half.
PLAIN_NUMBERS = {0, 1, 2, 0.5}
# Coefficients of published formulas, which are not chosen: the docstring beside them gives the formula.
COEFFICIENTS = {"diagnosis.gradient.steps": {12}}  # h²/12 of Euler and Maclaurin


class Numbers(ast.NodeVisitor):
    """Collects the numbers that are typed in a module, with their lines.

    Left out are those that number something instead of measuring it: whole keys of a dictionary, axes and
    ranks of arrays in brackets; and those of a `Problem`, which is data.
    """

    def __init__(self):
        self.found = []
        self.ranks = frozenset()

    def visit_Constant(self, node):
        if type(node.value) in (int, float, complex) and node.value not in PLAIN_NUMBERS | self.ranks:
            self.found.append((node.value, node.lineno))

    def visit_Dict(self, node):
        keys = [k for k in node.keys if not isinstance(k, ast.Constant) or type(k.value) is not int]
        for part in (*filter(None, keys), *node.values):
            self.visit(part)

    def visit_Subscript(self, node):
        self.visit(node.value)
        before, self.ranks = self.ranks, frozenset({3, 4})
        self.visit(node.slice)
        self.ranks = before

    def visit_Call(self, node):
        if ast.unparse(node.func) != "Problem":
            self.generic_visit(node)


def typed_numbers(source):
    visitor = Numbers()
    visitor.visit(ast.parse(source))
    return visitor.found


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_no_number_is_typed_where_something_is_concluded(module):
    """Each stands in `numerics.constants`, with its unit and where it comes from."""
    found = typed_numbers(SOURCES[module].read_text(encoding="utf-8"))
    assert [(n, line) for n, line in found if n not in COEFFICIENTS.get(module, ())] == []


@pytest.mark.parametrize("module", COEFFICIENTS)
def test_every_coefficient_that_is_allowed_is_used(module):
    found = {number for number, _ in typed_numbers(SOURCES[module].read_text(encoding="utf-8"))}
    assert found == COEFFICIENTS[module]


@pytest.mark.parametrize(
    "source",
    [
        "n = 3",
        "x = -3",
        "x < 1e-3",
        "f(n=16)",
        "x ** 4",
        "def f(x=0.1): ...",
        "(8, 1)",
        "x[0] * 7",
        "x[:64]",
        "{0.1: 'a'}",
    ],
)
def test_a_typed_number_would_be_found(source):
    assert len(typed_numbers(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = 2 * y",
        "-1",
        "x / 2.0",
        "0.5 * h",
        "y.shape[:4]",
        "{3: 'ralston3'}",
        "f'{x:.3g}'",
        "'16'",
        "True",
        "Problem('p', f, [[3.0]], 0.3, 1.7)",
    ],
)
def test_what_is_no_number_of_ours_is_left_out(source):
    assert typed_numbers(source) == []


@pytest.mark.parametrize("module", TABLES)
def test_a_table_of_numbers_names_tests_that_there_are(module):
    named = set(re.findall(r"tests/[\w/*.]+\.py", SOURCES[module].read_text(encoding="utf-8")))
    assert named
    assert [pattern for pattern in sorted(named) if not list(PACKAGE.parent.glob(pattern))] == []


@pytest.mark.parametrize("source", ["atol = 1e-7", "f(rtol=1e-7)", "bound: float = 1e-3"])
def test_a_typed_tolerance_would_be_found(source):
    assert literal_bounds(source) == [1]


def test_a_typed_bound_of_a_measurement_would_be_found():
    assert literal_measurement_bounds("at_most('error', error, 1e-6)") == [1]


def test_ids_of_checks_are_unique():
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_titles_of_checks_are_unique():
    titles = [title for check in CHECKS for title in (check.title, check.failure_title)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
class TestCheck:
    def test_its_id_is_in_kebab_case(self, check):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", check.id)

    @pytest.mark.parametrize("attribute", ["title", "failure_title"])
    def test_its_titles_are_statements(self, check, attribute):
        title = getattr(check, attribute)
        assert re.fullmatch(r"[A-Z].*[^.:]", title)
        assert len(title.split()) >= 3

    def test_it_has_a_page_with_a_summary_and_reasons(self, check):
        summary, _, reasons = check.page.partition("\n\n")
        assert summary.endswith(".")
        assert reasons or len(summary.split()) >= 10

    def test_it_cites_a_source(self, check):
        assert len(check.cite) > 10

    def test_it_belongs_to_a_theme(self, check):
        assert check.theme in ("Contract", "Forward", "Gradient", "Memory")

    def test_it_names_the_kind_of_its_bound(self, check):
        assert check.kind in ("identity", "order", "resource", "contract")

    def test_it_requires_what_has_a_reason_for_a_skip(self, check):
        assert check.requires <= set(REQUIREMENTS)

    def test_it_is_asked_of_one_kind_of_layers_or_of_all(self, check):
        assert check.asked_of in ("all", *REQUIREMENTS)

    def test_what_it_needs_comes_before_it(self, check):
        before = [c.id for c in CHECKS[: CHECKS.index(check)]]
        assert check.needs in (*before, "")

    def test_its_problems_have_different_names(self, check):
        problems = (*check.problems, *(problem for _, problem in check.more))
        assert len({p.name for p in problems}) == len(problems)
