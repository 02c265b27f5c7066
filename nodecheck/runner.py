"""Runs checks on layers: the only place that catches what a layer raises."""

from __future__ import annotations

import fnmatch
import platform
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from nodecheck import __version__
from nodecheck.checks import CHECKS, Check, Inconclusive, Skip, Unsupported
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.problems import Problem
from nodecheck.profiles import PROFILES, Profile
from nodecheck.reference import ReferenceFailure
from nodecheck.results import Evidence, LayerCard, Outcome, Result, Run, Status

_PACKAGES = ("nodecheck", "torch", "numpy", "scipy", "hypothesis", "torchdiffeq", "torchode", "torchdyn")
_PROFILE_RANK = {"smoke": 0, "ci": 1, "full": 2}


def run(
    layers: TorchLayer | Iterable[TorchLayer],
    *,
    profile: str = "ci",
    select: str = "*",
    seed: int = 0,
) -> Run:
    """Check layers in this process and return all results.

    Parameters
    ----------
    layers
        One layer or several, with different names.
    profile
        "smoke", "ci" or "full".
    select
        Shell pattern; only checks whose id matches are run.
    seed
        Seed of everything that is drawn at random.

    Raises
    ------
    ValueError
        If the profile does not exist, nothing is selected, two layers share a name, or a layer expects a
        check to fail that does not exist.
    """
    layers = (layers,) if isinstance(layers, TorchLayer) else tuple(layers)
    plan = make_plan({"": layers}, profile=profile, select=select, seed=seed)
    return assemble(plan, examine(plan))


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Attributes
    ----------
    layers
        The layers of each target.
    checks
        The checks that were selected, in their order.
    """

    layers: Mapping[str, tuple[TorchLayer, ...]]
    checks: tuple[Check, ...]
    profile: Profile
    seed: int
    started: datetime

    @property
    def size(self) -> int:
        """Number of (layer, check, problem) to go through, at most."""
        per_layer = sum(len(problems_of(check, self.profile)) for check in self.checks)
        return per_layer * sum(map(len, self.layers.values()))


def make_plan(layers: Mapping[str, tuple[TorchLayer, ...]], *, profile: str, select: str, seed: int) -> Plan:
    """Return the plan of a run; see `run` for what may be wrong with it."""
    _require_known([layer for group in layers.values() for layer in group])
    return Plan(layers, selected(select), _profile(profile), seed, datetime.now(UTC))


def examine(plan: Plan) -> Iterator[Result]:
    """Yield the results of a plan as they come."""
    for layers in plan.layers.values():
        for layer in layers:
            yield from _examine_layer(layer, plan.checks, plan.profile, plan.seed)


def assemble(plan: Plan, results: Iterable[Result], **details: Any) -> Run:
    """Return the run that consists of these results; `details` are further attributes of `Run`."""
    results = tuple(results)  # an iterator is exhausted before the clock is read
    return Run(
        results=results,
        seconds=(datetime.now(UTC) - plan.started).total_seconds(),
        layers=tuple(card(layer, target) for target, group in plan.layers.items() for layer in group),
        profile=plan.profile.name,
        seed=plan.seed,
        started=plan.started.isoformat(timespec="seconds"),
        environment=environment(),
        nodecheck_version=__version__,
        **details,
    )


def skipped_target(target: str, reason: str) -> Result:
    """Return the result that stands for a registered target whose library is not installed."""
    return Result(
        layer=target,
        check="library",
        problem="",
        outcome=Outcome.SKIPPED,
        title="Library is installed",
        theme="Contract",
        reason=reason,
    )


def selected(pattern: str) -> tuple[Check, ...]:
    """Return the checks whose id matches, always with the passes that they need."""
    chosen = [check for check in CHECKS if fnmatch.fnmatchcase(check.id, pattern)]
    if not chosen:
        message = (
            f"--select must match the id of a check, got {pattern!r}; `nodecheck list checks` names them"
        )
        raise ValueError(message)
    needed = {"forward-pass", *(check.needs for check in chosen)}
    return tuple(check for check in CHECKS if check in chosen or check.id in needed)


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        message = f"profile must be one of {', '.join(PROFILES)}, got {name!r}"
        raise ValueError(message)
    return PROFILES[name]


def _require_known(layers: Sequence[TorchLayer]) -> None:
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            message = f"layers need different names, got {name!r} twice; results are filed by name"
            raise ValueError(message)
    known = {check.id for check in CHECKS}
    for layer in layers:
        for check_id in layer.expected_failures:
            if check_id not in known:
                message = (
                    f"expected_failures of {layer.name!r} must be ids of checks, got {check_id!r}; "
                    f"`nodecheck list checks` names them"
                )
                raise ValueError(message)


def _examine_layer(
    layer: TorchLayer, checks: Sequence[Check], profile: Profile, seed: int
) -> Iterator[Result]:
    """Yield the results of one layer; checks whose precondition failed are skipped with that reason."""
    under_test = LayerUnderTest(layer, profile, seed)
    broken: dict[str, Status] = {}
    for check in checks:
        for problem in problems_of(check, profile):
            reason = _why_not(check, layer, profile, broken)
            if reason:
                yield _result(check, None, layer, seed, Outcome.SKIPPED, reason=reason)
                break
            result = _measure(check, problem, under_test)
            if result.outcome is Outcome.ERROR or result.violated:
                broken[check.id] = result.status
            yield result


def problems_of(check: Check, profile: Profile) -> tuple[Problem | None, ...]:
    """Return the problems a check runs on in a profile; (None,) for a check that brings its own."""
    return check.problems[: profile.problems] or (None,)


def _why_not(check: Check, layer: TorchLayer, profile: Profile, broken: dict[str, Status]) -> str:
    kind = "adaptive" if layer.adaptive else "fixed-step"
    if check.applies_to not in ("all", kind):
        return f"asked only of {check.applies_to} layers"
    if _PROFILE_RANK[check.profile] > _PROFILE_RANK[profile.name]:
        return f"part of the {check.profile} profile"
    needs = [check.needs, "forward-pass"] if check.needs else []
    for needed in needs:
        if needed in broken and needed != check.id:
            return f"means nothing while {needed} fails"
    return ""


def _measure(check: Check, problem: Problem | None, layer: LayerUnderTest) -> Result:
    """Run one check and turn whatever happens into a result."""
    claims, seed = layer.claims, layer.seed
    clock = time.perf_counter()
    state = _torch_state()
    torch.manual_seed(seed)
    try:
        evidence = check.measure(layer, problem)
    except (Inconclusive, ReferenceFailure) as error:
        result = _result(check, problem, claims, seed, Outcome.INCONCLUSIVE, reason=str(error))
    except Unsupported as error:
        result = _result(check, problem, claims, seed, Outcome.UNSUPPORTED, reason=str(error))
    except Skip as error:
        result = _result(check, problem, claims, seed, Outcome.SKIPPED, reason=str(error))
    except Exception as error:
        result = _result(check, problem, claims, seed, Outcome.ERROR, reason=_sentence(error))
        result = replace(result, diagnosis=_where(error))
    else:
        result = _judged(check, problem, claims, seed, evidence)
    finally:
        _restore(state)
    return replace(result, seconds=time.perf_counter() - clock)


def _judged(
    check: Check, problem: Problem | None, layer: TorchLayer, seed: int, evidence: Evidence
) -> Result:
    result = _result(check, problem, layer, seed, Outcome.MEASURED)
    return replace(
        result,
        measurements=evidence.measurements,
        diagnosis=evidence.diagnosis,
        series=evidence.series,
        facts=evidence.facts,
        title=check.title if all(m.holds for m in evidence.measurements) else check.failure_title,
    )


def _result(
    check: Check, problem: Problem | None, layer: TorchLayer, seed: int, outcome: Outcome, *, reason: str = ""
) -> Result:
    return Result(
        layer=layer.name,
        check=check.id,
        problem=problem.name if problem is not None else "",
        outcome=outcome,
        title=check.failure_title if outcome is Outcome.ERROR else check.title,
        theme=check.theme,
        kind=check.kind,
        cite=check.cite,
        reason=reason,
        expected=layer.expected_failures.get(check.id, ""),
        seed=seed,
    )


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip()


def _where(error: BaseException) -> str:
    """Return the innermost line of the layer's own code that took part in an error."""
    ours = ("nodecheck/checks", "nodecheck/runner", "nodecheck/layers/base", "nodecheck/layers/under_test")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(part in frame.filename.replace("\\", "/") for part in ours)
    ]
    if not frames:
        return ""
    last = frames[-1]
    return f"Raised in {last.name} ({'/'.join(last.filename.split('/')[-2:])}, line {last.lineno})."


def _torch_state() -> tuple[Any, ...]:
    return torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled()


def _restore(state: tuple[Any, ...]) -> None:
    """Undo what a layer may have changed globally, so that it cannot spoil the checks after it."""
    rng, dtype, grad = state
    torch.set_rng_state(rng)
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(grad)


def card(layer: TorchLayer, target: str = "") -> LayerCard:
    """Return the claims of a layer as a record."""
    tableau = layer.tableau if isinstance(layer.tableau, str | None) else layer.tableau.name
    return LayerCard(
        name=layer.name,
        target=target,
        resolution=layer.resolution,
        order=layer.order,
        adjoint=layer.adjoint,
        memory=layer.memory,
        tableau=tableau,
        expected_failures=dict(layer.expected_failures),
    )


def environment() -> dict[str, str]:
    """Return what the numbers may depend on."""
    packages = {name: _version(name) for name in _PACKAGES}
    return {
        "Python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.machine(),
        "torch threads": str(torch.get_num_threads()),
        "CUDA": torch.cuda.get_device_name() if torch.cuda.is_available() else "not available",
        **{name: number for name, number in packages.items() if number},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
