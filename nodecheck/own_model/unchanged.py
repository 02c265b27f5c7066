"""Restores random states and the contents of modules after a training step that is repeated."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from nodecheck.numerics.audit_constants import LARGEST_KEPT

__all__ = ["RandomStates", "leaves_unchanged", "unchanged"]

_Undo = Callable[[], None]


class RandomStates:
    """The states of the generators of torch (of each CUDA device in use, too), of NumPy and of Python."""

    def __init__(self) -> None:
        in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        self._cpu = torch.random.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if in_use else []
        self._numpy, self._python = np.random.get_state(), random.getstate()  # noqa: NPY002

    def restore(self) -> None:
        """Set the generators to these states."""
        torch.random.set_rng_state(self._cpu)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        np.random.set_state(self._numpy)  # noqa: NPY002
        random.setstate(self._python)


@contextmanager
def unchanged(modules: Iterable[nn.Module] = (), *, called: bool = False) -> Iterator[None]:
    """Put random states and what modules hold back after the block.

    Parameters
    ----------
    modules : iterable of nn.Module
        With their submodules.  Their tensors get their values back, their parameters `.grad` and
        `requires_grad`, and their attributes, the mode and the hooks among them, what they were; a list, dict
        or set what was in it.
    called : bool
        True for all modules that are called in the block, as well.
    """
    states, kept = RandomStates(), _Kept()
    for module in modules:
        kept.add(module)
    handle = register_module_forward_pre_hook(lambda module, _: kept.add(module)) if called else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()
        kept.put_back()
        states.restore()


@contextmanager
def leaves_unchanged(leaves: Iterable[Tensor]) -> Iterator[None]:
    """Put the gradients of tensors back after the block, in which they begin without one."""
    before = [(leaf, leaf.grad) for leaf in leaves]
    for leaf, _ in before:
        leaf.grad = None
    try:
        yield
    finally:
        for leaf, grad in before:
            leaf.grad = grad


class _Kept:
    """The contents of modules, as they were when each was first added."""

    def __init__(self) -> None:
        self._modules: dict[int, nn.Module] = {}  # which keeps them alive: an id is not used again
        self._undo: list[_Undo] = []

    def add(self, module: nn.Module) -> None:
        """Keep what a module and its submodules hold now."""
        if id(module) in self._modules:
            return
        for one in module.modules():
            if id(one) not in self._modules:
                self._modules[id(one)] = one
                if not any(is_lazy(t) for t in (*_parameters(one), *one.buffers(recurse=False))):
                    self._undo += [*_of_attributes(one), *_of_tensors(one)]

    def put_back(self) -> None:
        """Put back what was kept."""
        with torch.no_grad():
            for undo in self._undo:
                undo()


def _of_attributes(module: nn.Module) -> Iterator[_Undo]:
    """Yield what puts the attributes of a module back, and then what is in its lists, dicts and sets.

    Not which parameters it has: inside `torch.func.functional_call` they are others for a while.
    """
    attributes, taken_over = vars(module), any(b.requires_grad for b in module.buffers(recurse=False))
    yield _contents(attributes)
    for name, value in attributes.items():
        swapped = name == "_parameters" or (name == "_buffers" and taken_over)
        if isinstance(value, list | dict | set) and not swapped:
            yield _contents(value)


def _contents(value: Any) -> _Undo:
    before = value.copy()

    def undo() -> None:
        value.clear()
        (value.extend if isinstance(value, list) else value.update)(before)

    return undo


def _of_tensors(module: nn.Module) -> Iterator[_Undo]:
    """Yield what puts the values of the tensors of a module back, and the gradients of its parameters."""
    for p in _parameters(module):
        yield _parameter(p)
    buffers = [b for b in module.buffers(recurse=False) if not b.requires_grad]
    plain = [t for t in vars(module).values() if isinstance(t, Tensor) and t.numel() <= LARGEST_KEPT]
    for tensor in (*_parameters(module), *buffers, *plain):
        yield _values(tensor)


def _parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a module itself, without tensors that stand in for them."""
    return [p for p in module.parameters(recurse=False) if isinstance(p, nn.Parameter) and p.is_leaf]


def _parameter(p: nn.Parameter) -> _Undo:
    grad, requires_grad = p.grad, p.requires_grad
    values = None if grad is None else grad.clone()

    def undo() -> None:
        p.requires_grad_(requires_grad)
        p.grad = grad
        if grad is not None and values is not None and not torch.equal(grad, values):
            grad.copy_(values)

    return undo


def _values(tensor: Tensor) -> _Undo:
    before = tensor.detach().clone()

    def undo() -> None:
        now = tensor.detach()
        if now.shape != before.shape or not torch.equal(now, before):  # else graphs that saved it stay valid
            now.copy_(before)

    return undo
