"""What the initial step of torchdiffeq does to the gradient of backprop where the field jumps in time.

    python reports/initial_step.py            # a minute on one core

torchdiffeq chooses the first step from the field, the state and the tolerance, and keeps the graph of this
choice; later steps are constants.  So backprop moves all steps with the parameters.  Where the field is
smooth, the solution depends on the places of the steps only as much as it errs.  Where it jumps inside a
step, a shift of the steps by δ changes the computed solution by (f before - f after) δ.  The first step is
proportional to tol^(1/5) for dopri5, and so is its derivative.

Fields are random networks; each is solved with dopri5 in float64, in several ways, at several tolerances.
One way is torchdiffeq with that one function under `torch.no_grad`: it shows that the choice of the first
step is the cause.  The exact gradient is that of two smooth pieces, by `nodecheck.ODELayer`, with its own
error beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from strips import strips
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint
from torchdiffeq._impl import rk_common

from nodecheck import ODELayer

SEEDS, BATCH, STATE, WIDTH = 12, 4, 3, 16
TOLERANCES = (1e-3, 1e-5, 1e-7, 1e-9)
FIRST_STEP = 0.05
KINDS = ("smooth in t", "a kink in t", "a jump in t")
REFERENCE = (1e-10, 1e-12)
Solver = Callable[..., Tensor]


class Field(nn.Module):
    """A network of the state times a function of time that is smooth but for t = s."""

    def __init__(self, kind: str, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(STATE, WIDTH), nn.Tanh(), nn.Linear(WIDTH, STATE)).double()
        self.kind, self.special = kind, 0.3 + 0.4 * float(torch.rand(()))
        self.side: int | None = None  # the piece that is solved alone

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        """Return dy/dt."""
        late = bool(t >= self.special) if self.side is None else self.side == 1
        if self.kind == "smooth in t":
            factor = torch.cos(3.0 * torch.as_tensor(t))
        elif self.kind == "a kink in t":
            factor = 4.0 * (t - self.special if late else self.special - t)
        else:
            factor = -0.7 if late else 1.0
        return factor * self.net(y)


def odeint_without_graph_of_first_step(*arguments: Any, **options: Any) -> Any:
    """Return what torchdiffeq's `odeint` returns if it chooses the first step without a graph."""
    chosen = torch.no_grad()(rk_common._select_initial_step)
    with mock.patch.object(rk_common, "_select_initial_step", chosen):
        return odeint(*arguments, **options)


def ways(field: Field) -> dict[str, tuple[Solver, dict[str, Any]]]:
    """Return the ways to the gradient: the solver, and its options."""
    return {
        "backprop": (odeint, {}),
        "backprop, step has no graph": (odeint_without_graph_of_first_step, {}),
        "backprop, first_step": (odeint, {"first_step": FIRST_STEP}),
        "backprop, jump_t": (odeint, {"jump_t": torch.tensor([field.special], dtype=torch.float64)}),
        "adjoint": (odeint_adjoint, {}),
    }


def gradient(field: Field, y1: Tensor) -> Tensor:
    """Return the gradient of a loss on the final states with respect to all parameters."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(y1.square().sum(), list(field.parameters()))])


def exact(field: Field, y0: Tensor, tol: float) -> Tensor:
    """Return the gradient of the two smooth pieces, one solve for each."""
    ends, y = (0.0, field.special, 1.0), y0
    for side in (0, 1):
        field.side = side
        # The side of a field must be the same in the backward pass: plain backprop evaluates nothing there.
        y = ODELayer(
            field, ends[side], ends[side + 1], rtol=tol, atol=tol, solver="dopri5", adjoint="discrete"
        )(y)
    field.side = None
    return gradient(field, y)


def measured(kind: str, seed: int) -> list[dict[str, Any]]:
    """Return the relative errors of one field."""
    field = Field(kind, seed)
    y0 = torch.randn(BATCH, STATE, dtype=torch.float64)
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    coarse, fine = (exact(field, y0, tol) for tol in REFERENCE)
    size = float(fine.norm())
    rows = []
    for tol in TOLERANCES:
        for way, (solver, options) in ways(field).items():
            found = gradient(field, solver(field, y0, times, rtol=tol, atol=tol, options=options)[-1])
            error = float((found - fine).norm()) / size
            known = float((coarse - fine).norm()) / size
            rows.append(
                {"kind": kind, "seed": seed, "way": way, "tol": tol, "error": error, "known to": known}
            )
    return rows


def of(rows: list[dict[str, Any]], **where: Any) -> list[float]:
    """Return the sorted errors of the rows with these entries."""
    return sorted(r["error"] for r in rows if all(r[key] == value for key, value in where.items()))


def short(tol: float) -> str:
    """Return a power of ten as 1e-3."""
    return f"1e{round(math.log10(tol))}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return medians with the least and the largest error as Markdown."""
    heads = " | ".join(f"tol {short(tol)}" for tol in TOLERANCES)
    lines = [f"| field | gradient | {heads} | slope |", "|---|---|" + "---:|" * (len(TOLERANCES) + 1)]
    for kind in KINDS:
        for way in dict.fromkeys(r["way"] for r in rows):
            found = [of(rows, kind=kind, way=way, tol=tol) for tol in TOLERANCES]
            cells = [f"{statistics.median(e):.1e} ({e[0]:.0e} to {e[-1]:.0e})" for e in found]
            last, first = statistics.median(found[-1]), statistics.median(found[1])
            slope = math.log10(last / first) / math.log10(TOLERANCES[-1] / TOLERANCES[1])
            lines.append(f"| {kind} | {way} | {' | '.join(cells)} | {slope:.2f} |")
    return "\n".join(lines) + "\n"


def picture(rows: list[dict[str, Any]]) -> str:
    """Return the distribution as SVG."""
    panels = {
        kind: {
            f"{way}, {short(tol)}": of(rows, kind=kind, way=way, tol=tol)
            for way in dict.fromkeys(r["way"] for r in rows)
            for tol in TOLERANCES
        }
        for kind in KINDS
    }
    title = f"Error of the gradient by torchdiffeq's dopri5: {SEEDS} random fields of each kind"
    return strips(title, panels, "relative error; a dot is a field, the bar the median")


def main() -> None:
    """Measure, and write the numbers, the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("reports/initial-step"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for kind in KINDS for seed in range(SEEDS) for row in measured(kind, seed)]
    print(f"the exact gradients are known to {max(r['known to'] for r in rows):.0e}")  # noqa: T201
    chosen.output.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0])
    lists = [[float(f"{v:.4g}") if isinstance(v, float) else v for v in row.values()] for row in rows]
    text = json.dumps({"columns": columns, "rows": lists}, separators=(",", ":")).replace("],[", "],\n[")
    (chosen.output / "rows.json").write_text(text + "\n", encoding="utf-8")
    (chosen.output / "table.md").write_text(table(rows), encoding="utf-8")
    (chosen.output / "errors.svg").write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
