"""Two uses of one layer in a script, which must give the same answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nodecheck.numerics.constants import SCRIPT_EXACT, TOLERANCE_FACTOR
from nodecheck.reproduce.fields import field, start
from nodecheck.reproduce.kinds.accuracy import flat_gradient, leaves
from nodecheck.reproduce.kinds.identities import resolution
from nodecheck.reproduce.kinds.kind import Kind, says
from nodecheck.reproduce.setting import ORDER, Setting
from nodecheck.reproduce.source import LayerSource


@dataclass(frozen=True)
class Pair:
    """Two uses of a layer: lines that leave the tensors `first` and `second`, and the words for them.

    In the lines, `solve(y)` is the solution of a layer that is built anew, and `gradient(loss)` a gradient.
    Capital words stand for expressions of the layer: see `_written`.
    """

    lines: tuple[str, ...]
    expected: str
    steps_may_differ: bool = False
    dtype: str = ""
    bitwise: bool = False

    def body(self, setting: Setting, source: LayerSource) -> list[str]:
        """Return the lines of a script."""
        exact = SCRIPT_EXACT[self.dtype or setting.dtype]
        exact = 0.0 if self.bitwise else exact
        bound = TOLERANCE_FACTOR * setting.tol if source.adaptive and self.steps_may_differ else exact
        return [
            *field(setting, source),
            *start(setting),
            *_written(self.lines, setting, source),
            *says(
                "(first - second).abs().nan_to_num(nan=torch.inf).max().item()",
                f"{bound:g}",
                f"{self.expected} {{first.tolist()}}",
                "{second.tolist()}",
            ),
        ]


def _written(lines: tuple[str, ...], setting: Setting, source: LayerSource) -> list[str]:
    """Return lines with expressions of the layer in place of the capital words."""
    here = resolution(setting, source)
    meant = {
        "LEAVES": leaves(setting),
        "LAYER": source.built(here),
        "Y1": source.y1_of("layer", "y0"),
        "OTHER": source.y1_of("layer", "(y0.detach() + 0.5)"),
        "MEMBERS": source.y1(here, t0="torch.full_like(ends, t0)", t1="ends", stacked=True),
        "MEMBER": source.y1(here, "row[None]", t1="end"),
    }
    text = re.sub(rf"\b({'|'.join(meant)})\b", lambda found: meant[found[0]], "\n".join(lines))
    before = [f"def solve(y): return {source.y1(here, 'y')}"] if "solve" in text else []
    if "gradient(" in text:
        before.append(f"def gradient(loss): return {flat_gradient(setting, 'loss')}")
    return [*before, *text.splitlines()]


def bitwise(name: str, expected: str, *lines: str) -> Kind:
    """Return the kind of a pair that must agree in every bit."""
    return Kind(name, Pair(lines, expected, bitwise=True).body)


def same(
    name: str, expected: str, *lines: str, reduces: tuple[str, ...] = ORDER, loose: bool = False
) -> Kind:
    """Return the kind of a pair that must agree to rounding, or if loose to the tolerance."""
    return Kind(name, Pair(lines, expected, loose).body, reduces)
