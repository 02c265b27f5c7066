"""What a check is: a function that measures, with what is needed to run, explain and report it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem
from nodecheck.reference import Feature, features
from nodecheck.results import Evidence, Inconclusive

_T = TypeVar("_T")
Kind = Literal["identity", "order", "resource", "contract"]
AppliesTo = Literal["all", "fixed-step", "adaptive"]


@dataclass(frozen=True, eq=False)
class Check:
    """A function (layer, problem) -> Evidence and what there is to know about it.

    Attributes
    ----------
    id
        Kebab-case noun phrase, stable.
    title, failure_title
        Complete statements: what holds, and what does not.
    theme
        Column of the scorecard.
    kind
        Kind of bound: "identity", "order", "resource" or "contract".
    problems
        The problems it runs on; the function is called once for each.  Empty: called once, with the layer.
    most
        How many of the problems are used at most below the `full` profile, where further ones show no more.
    applies_to
        Kind of layer.
    features
        What a problem must have for a failure to be able to show on it (adequacy).
    needs
        Id of the check without which this one means nothing: "adapter", "forward-pass" or "backward-pass".
    profile
        The cheapest profile that includes it.
    alone
        Whether it needs the machine for itself, because seconds are measured.
    cite
        Source.
    """

    id: str
    title: str
    failure_title: str
    theme: str
    kind: Kind
    function: Callable[..., Evidence]
    problems: tuple[Problem, ...] = ()
    most: int | None = None
    applies_to: AppliesTo = "all"
    features: frozenset[Feature] = frozenset()
    needs: str = "forward-pass"
    profile: Literal["smoke", "ci", "full"] = "smoke"
    alone: bool = False
    cite: str = ""

    @property
    def page(self) -> str:
        """What the check does, why it matters and what a failure looks like."""
        return inspect.cleandoc(self.function.__doc__ or "")

    def measure(self, layer: LayerUnderTest, problem: Problem | None) -> Evidence:
        """Run the check on one problem.

        Raises
        ------
        Inconclusive
            If the problem lacks a feature without which the check cannot fail: passing would prove nothing.
        """
        if problem is None:
            return self.function(layer)
        lacking = self.features - features(problem)
        if lacking:
            message = f"{problem.name} cannot decide this: it is not {', not '.join(sorted(lacking))}"
            raise Inconclusive(message)
        return self.function(layer, problem)


def check(**metadata: Any) -> Callable[[Callable[..., Evidence]], Check]:
    """Turn a function into a `Check` whose id is the function's name in kebab-case."""

    def decorate(function: Callable[..., Evidence]) -> Check:
        return Check(id=function.__name__.replace("_", "-"), function=function, **metadata)

    return decorate
