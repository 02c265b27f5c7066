"""Runs one check on one layer: the only place that catches what a layer raises."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import torch

from nodecheck.checks import Check
from nodecheck.layers import LayerError, LayerUnderTest, TorchLayer
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.reference import ReferenceFailure
from nodecheck.results import Evidence, Inconclusive, LayerCard, Outcome, Result, Skip, Unsupported
from nodecheck.runner.time_limit import time_limit

# Frames of ours above the layer's own code in a traceback.
_OUR_FOLDERS = {"checks", "runner"}
_OUR_FILES = {"base.py", "under_test.py", "trace.py"}


class InProcess:
    """Measures layers in this process; a layer that hangs or crashes the interpreter takes it along.

    Only the runs of the layer measured last are kept.
    """

    def __init__(self, layers: Iterable[TorchLayer], profile: Profile, seed: int) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self._profile, self._seed = profile, seed
        self._current: LayerUnderTest | None = None

    def __call__(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        """Return the result of a check."""
        if self._current is None or self._current.name != card.name:
            self._current = LayerUnderTest(self._layers[card.name], self._profile, self._seed)
        return measure(check, problem, self._current)


def measure(check: Check, problem: Problem | None, layer: LayerUnderTest) -> Result:
    """Run one check and turn whatever happens into a result; only Ctrl-C goes through."""
    clock, state = time.perf_counter(), _global_state()
    torch.manual_seed(layer.seed)
    nothing = blank(layer.name, check, problem, layer.seed)
    try:
        with time_limit(layer.profile.seconds):
            evidence = check.measure(layer, problem)
    except (Inconclusive, ReferenceFailure) as error:
        result = replace(nothing, outcome=Outcome.INCONCLUSIVE, reason=str(error))
    except Unsupported as error:
        result = replace(nothing, outcome=Outcome.UNSUPPORTED, reason=str(error))
    except Skip as error:
        result = replace(nothing, outcome=Outcome.SKIPPED, reason=str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result = raised(nothing, check, error)
    else:
        result = _measured(nothing, check, evidence)
    finally:
        _restore(state)
    return replace(result, seconds=time.perf_counter() - clock)


def blank(layer: str, check: Check, problem: Problem | None, seed: int) -> Result:
    """Return the result of a check before anything is known."""
    return Result(
        layer=layer,
        check=check.id,
        problem=problem.name if problem is not None else "",
        outcome=Outcome.ERROR,
        title=check.title,
        theme=check.theme,
        kind=check.kind,
        cite=check.cite,
        seed=seed,
    )


def _measured(nothing: Result, check: Check, evidence: Evidence) -> Result:
    return replace(
        nothing,
        outcome=Outcome.MEASURED,
        measurements=evidence.measurements,
        diagnosis=evidence.diagnosis,
        series=evidence.series,
        facts=evidence.facts,
        metrics=evidence.metrics,
        title=check.title if all(m.holds for m in evidence.measurements) else check.failure_title,
    )


def raised(nothing: Result, check: Check, error: BaseException) -> Result:
    """Return the error result: what was raised, and the innermost line of the layer's own code."""
    reason = f"{type(error).__name__}: {error}".strip()
    return replace(nothing, reason=reason, diagnosis=_where(error), title=check.failure_title)


def _where(error: BaseException) -> str:
    if isinstance(error, LayerError):
        return ""  # ours, about what the layer returned: the message says it all
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_ours(f.filename)]
    if not frames:
        return "Raised in nodecheck itself, not in the layer: please report it."
    path = PurePath(frames[-1].filename)
    return f"Raised in {frames[-1].name} ({'/'.join(path.parts[-2:])}, line {frames[-1].lineno})."


def _is_ours(filename: str) -> bool:
    path = PurePath(filename)
    if "nodecheck" not in path.parts:
        return False
    return path.parent.name in _OUR_FOLDERS or path.name in _OUR_FILES


def _global_state() -> tuple[Any, ...]:
    return torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled()


def _restore(state: tuple[Any, ...]) -> None:
    """Undo what a layer may have changed globally, so that it cannot spoil the checks after it."""
    rng, dtype, grad = state
    torch.set_rng_state(rng)
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(grad)
