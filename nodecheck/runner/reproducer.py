"""The lines that show a failure again."""

from __future__ import annotations

from nodecheck.options.devices import CPU
from nodecheck.options.dtypes import FLOAT64
from nodecheck.results import LayerCard, Outcome, Result
from nodecheck.runner.plan import Plan
from nodecheck.targets.known_failures import confirmation


def reproducer(result: Result, card: LayerCard, plan: Plan) -> str:
    """Return the lines that repeat a failure, from Python; "" where nothing failed.

    A failure that is known of a registered layer has a script of its own, which does without nodecheck.
    """
    if result.outcome is not Outcome.ERROR and not result.violated:
        return ""
    if result.expected and (script := confirmation(card.name_in_target, result.check)):
        return script
    name, own = card.name_in_target, next((p for p in plan.problems if p.name == result.problem), None)
    if card.target:
        found = (
            f"layers = load_target({card.target!r})\nlayer = next(x for x in layers if x.name == {name!r})"
        )
        head = f"import nodecheck\nfrom nodecheck.targets.discovery import load_target\n\n{found}"
    else:
        head = f"import nodecheck\n\nlayer = ...  # the TorchLayer named {name!r}"
    arguments = f"layer, select={result.check!r}, profile={plan.profile.name!r}, seed={plan.seed}"
    if card.device != CPU:
        arguments += f", device={card.device!r}"
    if card.dtype != FLOAT64:
        arguments += f", dtype={card.dtype!r}"
    if own is not None:
        found = f"load_problem({own.cite!r})" if own.cite else f"...  # the problem named {own.name!r}"
        known = "from nodecheck.runner.own_problems import load_problem\n" if own.cite else ""
        head += f"\n{known}problem = {found}"
        arguments += ", problems=problem"
    loop = f"for result in nodecheck.run({arguments}).results:"
    return f"{head}\n{loop}\n    print(result.id, result.status, result.diagnosis)"
