"""The list of mutants, read from their source: importing them would import torch, which takes a second."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import resources

from nodecheck.results.phrases import kebab_case


def mutants() -> Iterator[tuple[str, str]]:
    """Yield the name and the summary of each mutant, in the order of `nodecheck.mutants.MUTANTS`."""
    package = _module("__init__")
    modules = {
        alias.name: node.module.rpartition(".")[2]
        for node in package.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for group in _entries(package, "MUTANTS"):
        name = ast.unparse(group).lstrip("*")
        yield from _of_module(_module(modules[name]), name)


def _of_module(module: ast.Module, group: str) -> Iterator[tuple[str, str]]:
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    for entry in _entries(module, group):
        assert isinstance(entry, ast.Call)  # mutant(Class, "failure-mode", ...)
        wrong = ast.unparse(entry.args[0])
        summary = inspect.cleandoc(ast.get_docstring(classes[wrong]) or "").partition("\n")[0]
        yield kebab_case(wrong), summary


def _module(name: str) -> ast.Module:
    """Return the syntax of a module of mutants."""
    return ast.parse(resources.files("nodecheck").joinpath("mutants", f"{name}.py").read_text("utf-8"))


def _entries(module: ast.Module, name: str) -> list[ast.expr]:
    """Return the entries of a tuple that a module defines."""
    values = (
        node.value
        for node in module.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    )
    value = next(values)
    assert isinstance(value, ast.Tuple)
    return value.elts
