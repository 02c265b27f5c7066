"""Runs checks on layers and puts the results together."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from nodecheck._version import __version__
from nodecheck.checks import CHECKS
from nodecheck.layers import TorchLayer
from nodecheck.results import Outcome, Result, Run
from nodecheck.runner.examine import Examination, Measure, complete, examine, within
from nodecheck.runner.measure import InProcess
from nodecheck.runner.plan import Plan, card_of, make_plan

__all__ = [
    "Examination",
    "InProcess",
    "Measure",
    "Plan",
    "assemble",
    "card_of",
    "complete",
    "examine",
    "make_plan",
    "run",
    "skipped_target",
]

_PACKAGES = ("torch", "numpy", "scipy", "hypothesis", "torchdiffeq", "torchode", "torchdyn")


def run(
    layers: TorchLayer | Iterable[TorchLayer],
    *,
    profile: str = "ci",
    select: str = "*",
    seed: int = 0,
) -> Run:
    """Check layers in this process and return all results.

    A layer that hangs or crashes the interpreter takes this process with it.

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
    plan = make_plan([card_of(layer) for layer in layers], profile=profile, select=select, seed=seed)
    return assemble(plan, examine(plan, InProcess(layers, plan.profile, seed)))


def assemble(plan: Plan, results: Iterable[Result], **details: Any) -> Run:
    """Return the run that consists of these results; `details` are further attributes of `Run`.

    Layers come in the order of the plan, whichever was ready first.
    """
    place = {card.name: k for k, card in enumerate(plan.cards)}
    ordered = tuple(sorted(results, key=lambda result: place.get(result.layer, -1)))
    return Run(
        results=ordered,
        seconds=(datetime.now(UTC) - plan.started).total_seconds(),
        layers=plan.cards,
        profile=plan.profile.name,
        checks={check.id: check.applies_to for check in CHECKS if within(check, plan.profile)},
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


def environment() -> dict[str, str]:
    """Return what the numbers may depend on."""
    packages = {name: _version(name) for name in _PACKAGES}
    return {
        "Python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
        "torch threads": str(torch.get_num_threads()),
        "CUDA": torch.cuda.get_device_name() if torch.cuda.is_available() else "not available",
        **{name: number for name, number in packages.items() if number},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
