"""Checks: functions that measure, with the metadata to run, explain and report them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, at_usual_outputs, is_own
from nodecheck.reference import Feature, features
from nodecheck.results import Evidence, Inconclusive

Kind = Literal["identity", "order", "resource", "contract"]
Rank = Literal["smoke", "ci", "full"]
KINKED = (
    "{} cannot decide this: its Jacobian jumps along the solution, and no method has its order there; look "
    "at a copy of the module with a smooth activation, as Softplus or SiLU for ReLU"
)
# What a check may require of a layer, and the reason for skipping it where that is lacking.
REQUIREMENTS: Mapping[str, str] = MappingProxyType(
    {
        "fixed-step": "asked only of fixed-step layers",
        "adaptive": "asked only of adaptive layers",
        "output-times": "asked only of layers with output times: build(dynamics, ts, n_steps or tol)",
        "times": 'asked only of layers with output times, or with "time-gradients" in `supports`',
        "member-times": 'asked only of layers with "member-times" in `supports`',
        "both-tolerances": "asked only of layers that take rtol and atol apart",
        "log-det": 'asked only of layers with output="log-det"',
        "device": "asked only of layers on a device",
    }
)


@dataclass(frozen=True, eq=False)
class Check:
    """A function (layer, problem) -> Evidence, and its metadata.

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
        Number of the problems that are used at most below the `full` profile, where further ones show no
        more.
    more
        Further problems, each with the cheapest profile that uses it: they do not count for `most`.
    requires
        Requirements of a layer, from `REQUIREMENTS`.
    features
        Features without which no failure could show on a problem (adequacy).
    own
        True if it is also asked on fields of the user's own, in place of its problems.
    needs
        Id of the check without which this one means nothing: "adapter", "forward-pass" or "backward-pass".
    profile
        The cheapest profile that includes it.
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
    more: tuple[tuple[Rank, Problem], ...] = ()
    requires: frozenset[str] = frozenset()
    features: frozenset[Feature] = frozenset()
    own: bool = False
    needs: str = "forward-pass"
    profile: Rank = "smoke"
    cite: str = ""

    @property
    def page(self) -> str:
        """A description: the measurement, why it matters, and the look of a failure."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def asked_of(self) -> str:
        """The kind of layers that the check is asked of: a requirement, or "all"."""
        return next((kind for kind in REQUIREMENTS if kind in self.requires), "all")

    def why_not(self, properties: Collection[str]) -> str:
        """Return the reason why a check does not apply to a layer with these properties; "" if it does."""
        return next((REQUIREMENTS[r] for r in sorted(self.requires) if r not in properties), "")

    def on(self, problem: Problem) -> Problem:
        """Return a problem of the user's own, at output times where the check looks at them."""
        return at_usual_outputs(problem) if self.problems[0].ts else problem

    def _require_adequate(self, problem: Problem) -> None:
        """Raise `Inconclusive` if a problem decides nothing.

        On a field of the user's own the answer is about that field: what it shows is judged, and what it
        cannot show is said beside.  Orders alone need something of it: that it has no kinks.
        """
        if is_own(problem):
            if self.kind == "order" and Feature.KINKED in features(problem):
                raise Inconclusive(KINKED.format(problem.name))
            return
        lacking = self.features - features(problem)
        if lacking:
            message = f"{problem.name} cannot decide this: it is not {', not '.join(sorted(lacking))}"
            raise Inconclusive(message)

    def measure(self, layer: LayerUnderTest, problem: Problem | None) -> Evidence:
        """Run the check on one problem, or on the counterpart that the layer is asked for in its place.

        Raises
        ------
        Inconclusive
            If the problem lacks a feature without which the check cannot fail: passing would prove nothing.
        """
        if problem is None:
            return self.function(layer)
        problem = layer.counterpart(problem)
        self._require_adequate(problem)
        return self.function(layer, problem)


def check(**metadata: Any) -> Callable[[Callable[..., Evidence]], Check]:
    """Turn a function into a `Check` whose id is the function's name in kebab-case."""

    def decorate(function: Callable[..., Evidence]) -> Check:
        unknown = set(metadata.get("requires", ())) - set(REQUIREMENTS)
        if unknown:
            message = f"requires must be among {sorted(REQUIREMENTS)}, got {sorted(unknown)}; add its reason"
            raise ValueError(message)
        return Check(id=function.__name__.replace("_", "-"), function=function, **metadata)

    return decorate
