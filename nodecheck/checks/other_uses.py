"""A layer in a model, and not on a test bench: data as y0, losses as they are written, inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodecheck.checks.base import Refusal, attempt, check
from nodecheck.checks.contract import resolution_of
from nodecheck.checks.same import change, plain_answer, raised, sentence, unchanged
from nodecheck.layers import USES, Answer, Array, LayerUnderTest, Use
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Measurement, at_most


@dataclass(frozen=True)
class _Found:
    """What one use shows: a measurement and what is wrong, or neither if the layer refuses the use."""

    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""

    @property
    def refused(self) -> bool:
        return not self.measurements


@check(
    title="Other uses give the same answer",
    failure_title="Other uses give another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Extending PyTorch and Locally disabling gradient computation",
)
def other_uses(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Use the layer as models do: y1 and the gradients must be those of the plain use.

    Data as y0 need no gradient, but the parameters do.  y0 may come from an encoder or be transposed; the
    cotangent of a sum is one number in memory; gradients may be asked for by `torch.autograd.grad`, a second
    time through the same graph, in eval mode; and evaluation runs under `torch.no_grad`.  What a layer does
    wrong there, it does silently.

    A layer may refuse, with an error, what can be written otherwise: a y0 that is not contiguous,
    `torch.autograd.grad`, a second backward pass, `torch.inference_mode`.  So it may if it warns that a
    gradient will be missing, as checkpoints do.  That is information, and so is another answer in inference
    mode, where a layer that takes derivatives of the field on its way cannot have them.
    """
    row = layer.cotangents(problem, 1)[0][:1]
    cotangent = np.tile(row, (len(problem.y0), 1))
    plain = plain_answer(layer, problem, cotangent, resolution_of(layer))
    found = {use.words: _try(layer, problem, use, cotangent, plain) for use in USES}
    refused = ", ".join(words for words, one in found.items() if one.refused)
    return Evidence(
        tuple(m for one in found.values() for m in one.measurements),
        " ".join(one.diagnosis for one in found.values() if one.diagnosis),
        facts={"cannot be used": refused} if refused else {},
    )


def _try(layer: LayerUnderTest, problem: Problem, use: Use, cotangent: Array, plain: Answer) -> _Found:
    answer = attempt(lambda: use.answer(layer.claims, problem, resolution_of(layer), cotangent))
    if isinstance(answer, Refusal):
        if use.refusable:
            return _Found()
        measurement, what = raised(use.words, answer)
        return _Found((measurement,), what)
    found = change(layer, problem, answer, plain, tolerance=resolution_of(layer))
    if found.missing and answer.warnings - plain.warnings:
        return _Found()
    measurements = [unchanged(use.words, found)]
    sentences = [] if measurements[0].holds else [sentence(found, use.words)]
    if sentences and not use.judged:
        return _Found()
    if answer.stray:
        measurements.append(at_most(f"tensors that require a gradient {use.words}", len(answer.stray), 0))
        sentences.append(f"{' and '.join(answer.stray)} is made to require a gradient {use.words}.")
    return _Found(tuple(measurements), " ".join(sentences))
