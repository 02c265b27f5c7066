"""Runs checks on layers: the only place that catches what a layer raises."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import torch

from nodecheck.checks import Check, Inconclusive, Skip, Unsupported
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.problems import Problem
from nodecheck.profiles import Profile
from nodecheck.reference import ReferenceFailure
from nodecheck.results import Evidence, Outcome, Result
from nodecheck.runner.plan import Plan, problems_of
from nodecheck.runner.time_limit import time_limit

_PROFILE_RANK = {"smoke": 0, "ci": 1, "full": 2}
# Frames of ours above the layer's own code in a traceback.
_OUR_FOLDERS = {"checks", "runner"}
_OUR_FILES = {"base.py", "under_test.py", "trace.py"}


def examine(plan: Plan) -> Iterator[Result]:
    """Yield the results of a plan as they come."""
    for target, layers in plan.layers.items():
        for layer in layers:
            for result in _examine_layer(layer, plan):
                yield replace(result, reproducer=_reproducer(result, target, plan))


def _examine_layer(layer: TorchLayer, plan: Plan) -> Iterator[Result]:
    """Yield the results of one layer; checks whose precondition failed are skipped with that reason."""
    under_test = LayerUnderTest(layer, plan.profile, plan.seed)
    broken: set[str] = set()
    for check in plan.checks:
        for problem in problems_of(check, plan.profile):
            reason = _why_not(check, layer, plan.profile, broken)
            if reason:
                yield replace(_blank(check, None, under_test), outcome=Outcome.SKIPPED, reason=reason)
                break
            result = _measure(check, problem, under_test)
            if result.outcome is Outcome.ERROR or result.violated:
                broken.add(check.id)
            yield result


def _why_not(check: Check, layer: TorchLayer, profile: Profile, broken: set[str]) -> str:
    """Return why a check is skipped, or "" if it is not."""
    kind = "adaptive" if layer.adaptive else "fixed-step"
    if check.applies_to not in ("all", kind):
        return f"asked only of {check.applies_to} layers"
    if _PROFILE_RANK[check.profile] > _PROFILE_RANK[profile.name]:
        return f"part of the {check.profile} profile"
    for needed in (check.needs, "forward-pass" if check.needs else ""):
        if needed in broken:
            return f"means nothing while {needed} fails"
    return ""


def _measure(check: Check, problem: Problem | None, layer: LayerUnderTest) -> Result:
    """Run one check and turn whatever happens into a result; only Ctrl-C goes through."""
    clock, state = time.perf_counter(), _global_state()
    torch.manual_seed(layer.seed)
    blank = _blank(check, problem, layer)
    try:
        with time_limit(layer.profile.seconds):
            evidence = check.measure(layer, problem)
    except (Inconclusive, ReferenceFailure) as error:
        result = replace(blank, outcome=Outcome.INCONCLUSIVE, reason=str(error))
    except Unsupported as error:
        result = replace(blank, outcome=Outcome.UNSUPPORTED, reason=str(error))
    except Skip as error:
        result = replace(blank, outcome=Outcome.SKIPPED, reason=str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result = _raised(blank, check, error)
    else:
        result = _measured(blank, check, evidence)
    finally:
        _restore(state)
    return replace(result, seconds=time.perf_counter() - clock)


def _blank(check: Check, problem: Problem | None, layer: LayerUnderTest) -> Result:
    """Return the result of a check before anything is known."""
    return Result(
        layer=layer.name,
        check=check.id,
        problem=problem.name if problem is not None else "",
        outcome=Outcome.ERROR,
        title=check.title,
        theme=check.theme,
        kind=check.kind,
        cite=check.cite,
        expected=layer.claims.expected_failures.get(check.id, ""),
        seed=layer.seed,
    )


def _measured(blank: Result, check: Check, evidence: Evidence) -> Result:
    return replace(
        blank,
        outcome=Outcome.MEASURED,
        measurements=evidence.measurements,
        diagnosis=evidence.diagnosis,
        series=evidence.series,
        facts=evidence.facts,
        title=check.title if all(m.holds for m in evidence.measurements) else check.failure_title,
    )


def _raised(blank: Result, check: Check, error: BaseException) -> Result:
    """Return the error result: what was raised, and the innermost line of the layer's own code."""
    reason = f"{type(error).__name__}: {error}".strip()
    return replace(blank, reason=reason, diagnosis=_where(error), title=check.failure_title)


def _where(error: BaseException) -> str:
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


def _reproducer(result: Result, target: str, plan: Plan) -> str:
    """Return the lines that repeat a failure, from Python."""
    if result.outcome is not Outcome.ERROR and not result.violated:
        return ""
    if target:
        found = (
            f"layers = load_target({target!r})\nlayer = next(x for x in layers if x.name == {result.layer!r})"
        )
        head = f"import nodecheck\nfrom nodecheck.layers.discovery import load_target\n\n{found}"
    else:
        head = f"import nodecheck\n\nlayer = ...  # the TorchLayer named {result.layer!r}"
    arguments = f"layer, select={result.check!r}, profile={plan.profile.name!r}, seed={plan.seed}"
    loop = f"for result in nodecheck.run({arguments}).results:"
    return f"{head}\n{loop}\n    print(result.id, result.status, result.diagnosis)"


def _global_state() -> tuple[Any, ...]:
    return torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled()


def _restore(state: tuple[Any, ...]) -> None:
    """Undo what a layer may have changed globally, so that it cannot spoil the checks after it."""
    rng, dtype, grad = state
    torch.set_rng_state(rng)
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(grad)
