"""A `build` as lines of a script: its own text, with the names that it uses imported or written out."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from nodecheck.reproduce.readings import READINGS

_PLAIN = (str, int, float, bool, type(None))
_OF_A_FILE = "nodecheck_target_"  # how `nodecheck.targets.imports` names the module of a file


class NotInlined(Exception):
    """A build cannot be written out; the message says why."""


def inlined(build: Callable[..., Any]) -> tuple[str, ...]:
    """Return imports, values and the definition of a function `build`.

    Raises
    ------
    NotInlined
        If it is no Python function, has no readable text, or uses a value that has no name elsewhere.
    """
    if not isinstance(build, FunctionType):
        message = f"build is a {type(build).__name__}"
        raise NotInlined(message)
    node = _node(build)
    names = _names(node)
    values = _values(build)
    lines = [line for name in names for line in _line(name, values, node)]
    return (*sorted(lines, key=lambda line: "import" not in line), *_definition(node))


def module_name(module: str) -> str:
    """Return the name by which a script imports a module: that of a file is its stem."""
    return module.removeprefix(_OF_A_FILE).partition("_")[2] if module.startswith(_OF_A_FILE) else module


def _node(build: FunctionType) -> ast.Lambda | ast.FunctionDef:
    """Return the syntax of a function, found in its file by its place."""
    try:
        text = "".join(inspect.findsource(build)[0])
        tree = ast.parse(text)
    except (OSError, SyntaxError, TypeError) as error:
        message = f"the text of build cannot be read ({error})"
        raise NotInlined(message) from error
    places = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)]
    for node in places:
        if _is_at(node, build.__code__):
            return node
    message = "the text of build is not in its file"
    raise NotInlined(message)


def _is_at(node: ast.Lambda | ast.FunctionDef, code: CodeType) -> bool:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    if first != code.co_firstlineno:
        return False
    if isinstance(node, ast.FunctionDef):
        return node.name == code.co_name
    inside = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    start, end = (node.body.lineno, node.body.col_offset), (node.body.end_lineno, node.body.end_col_offset)
    return bool(inside) and all(start <= place < end for place in inside)


def _names(node: ast.AST) -> list[str]:
    """Return the names that a function reads and that it does not define itself."""
    inner = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    inner |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    inner |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    defaults = [d for d in (*node.args.defaults, *node.args.kw_defaults) if d]  # type: ignore[attr-defined]
    read = [n.id for part in (*body, *defaults) for n in ast.walk(_plain(part)) if isinstance(n, ast.Name)]
    return [n for n in dict.fromkeys(read) if n not in inner and not hasattr(builtins, n)]


class _WithoutAnnotations(ast.NodeTransformer):
    """Leaves out annotations, which would need imports of their own."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns, node.decorator_list = None, []
        doc = ast.get_docstring(node) is not None
        node.body = node.body[int(doc) :] or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _plain(node: ast.AST) -> ast.AST:
    fresh = ast.parse(ast.unparse(node))
    plain: ast.AST = ast.fix_missing_locations(_WithoutAnnotations().visit(fresh))
    return plain


def _definition(node: ast.Lambda | ast.FunctionDef) -> list[str]:
    if isinstance(node, ast.Lambda):
        return [f"build = {ast.unparse(_plain(node))}"]
    text = ast.unparse(_plain(node))
    head, _, rest = textwrap.dedent(text).partition("(")
    return f"def build({rest}".splitlines() if head == f"def {node.name}" else text.splitlines()


def _values(build: FunctionType) -> dict[str, Any]:
    """Return the values of the names that a function can read."""
    cells = zip(build.__code__.co_freevars, build.__closure__ or (), strict=True)
    return {**build.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def _line(name: str, values: Mapping[str, Any], node: ast.AST) -> Iterator[str]:
    """Yield the line that gives a script a name; none for torch itself, which is there."""
    if name not in values:
        message = f"{name} is not defined"
        raise NotInlined(message)
    value = values[name]
    if isinstance(value, ModuleType) and value.__name__ == "nodecheck.adapt":
        yield from _readings(name, node)
    elif isinstance(value, ModuleType):
        yield from _import_of_module(name, value)
    elif isinstance(value, _PLAIN) or (
        isinstance(value, tuple) and all(isinstance(v, _PLAIN) for v in value)
    ):
        yield f"{name} = {_literal(value)}"
    else:
        yield _import_of_value(name, value, values)


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _import_of_module(name: str, module: ModuleType) -> Iterator[str]:
    if module.__name__ == "nodecheck" or module.__name__.startswith("nodecheck."):
        message = f"it uses {module.__name__}"
        raise NotInlined(message)
    if module.__name__ == name == "torch":
        return
    yield f"import {name}" if module.__name__ == name else f"import {module.__name__} as {name}"


def _import_of_value(name: str, value: Any, values: Mapping[str, Any]) -> str:
    """Return the import of a class, function or object, from where it is defined."""
    module = getattr(value, "__module__", None)
    own = getattr(value, "__name__", name)
    if not isinstance(module, str) or getattr(sys.modules.get(module), own, None) is not value:
        module, own = values.get("__name__", ""), name
        if getattr(sys.modules.get(module), name, None) is not value:
            message = f"{name} has no name outside of build"
            raise NotInlined(message)
    if module.partition(".")[0] == "nodecheck":
        message = f"it uses {own} of nodecheck"
        raise NotInlined(message)
    return f"from {module_name(module)} import {own}" + (f" as {name}" if own != name else "")


def _readings(name: str, node: ast.AST) -> Iterator[str]:
    """Yield the lines that stand for the views and readings of `nodecheck.adapt` that a function uses."""
    used = {
        n.attr: None
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name
    }
    if missing := [one for one in used if one not in READINGS]:
        message = f"it uses {name}.{missing[0]}"
        raise NotInlined(message)
    yield f"class {name}:"
    for one in used:
        yield from (f"    {line}" for line in READINGS[one])
