"""How exact the adjoint gradient of the spiral demo is while it trains: the distribution over seeds.

The model, data and optimiser are those of torchdiffeq's examples/ode_demo.py; it trains at the first setting.
At some iterations the gradient of one batch is compared with the exact one, for several settings at the same
parameters.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from nodecheck.own_model.audit import Audit, task_of
from nodecheck.own_model.conclusion import cosine_of, error_of
from nodecheck.own_model.passes import run_pass
from nodecheck.own_model.reference import reference_of

AT = (0, 100, 200, 300)
BATCH = 20
SETTINGS = {
    "adjoint, rtol 1e-3, atol 1e-4": (odeint_adjoint, {"rtol": 1e-3, "atol": 1e-4}),
    "adjoint, rtol 1e-5, atol 1e-6": (odeint_adjoint, {"rtol": 1e-5, "atol": 1e-6}),
    "adjoint, the default (1e-7, 1e-9)": (odeint_adjoint, {}),
    "backprop, rtol 1e-3, atol 1e-4": (odeint, {"rtol": 1e-3, "atol": 1e-4}),
}
LOSSES = {"L1": lambda gap: gap.abs().mean(), "L2": lambda gap: gap.square().mean()}


class Field(nn.Module):
    """The network of the demo."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 2))
        for layer in self.net:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, mean=0, std=0.1)
                nn.init.zeros_(layer.bias)

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        """Return dy/dt, which does not depend on t."""
        del t
        return self.net(y**3)


def spiral() -> tuple[Tensor, Tensor]:
    """Return the times and the true states of the demo."""
    times, matrix = torch.linspace(0.0, 25.0, 1000), torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    with torch.no_grad():
        return times, odeint(lambda _, y: (y**3) @ matrix, torch.tensor([[2.0, 0.0]]), times)[:, 0]


def measured(seed: int, window: int, loss: str) -> list[dict[str, object]]:
    """Return the errors of all settings along one training run."""
    torch.manual_seed(seed)
    times, true = spiral()
    field, rows = Field(), []
    optimiser = torch.optim.RMSprop(field.parameters(), lr=1e-3)
    t = times[:window]
    for iteration in range(max(AT) + 1):
        first = torch.randperm(len(times) - window)[:BATCH]
        y0, target = true[first], torch.stack([true[first + k] for k in range(window)])

        def loss_of(states: Tensor, target: Tensor = target) -> Tensor:
            return LOSSES[loss](states - target.to(states))

        if iteration in AT:
            rows += [
                {"seed": seed, "window": window, "loss": loss, "iteration": iteration, **row}
                for row in compared(field, y0, t, loss_of)
            ]
        optimiser.zero_grad()
        loss_of(odeint_adjoint(field, y0, t, rtol=1e-3, atol=1e-4)).backward()
        optimiser.step()
    return rows


def compared(field: nn.Module, y0: Tensor, t: Tensor, loss: object) -> list[dict[str, object]]:
    """Return the error of each setting at the present parameters."""
    rows = []
    reference = None
    for name, (solver, options) in SETTINGS.items():
        audit = Audit("spiral", lambda f, y, t, s=solver, o=options: s(f, y, t, **o), field, y0, t, loss)
        if reference is None:
            reference = reference_of(task_of(audit, torch.float64), audit.target, final=False)
        found = run_pass(audit.solve, task_of(audit)).gradient
        error, cosine = error_of(reference, found), cosine_of(reference.gradient, found)
        rows.append({"setting": name, "error": error, "cosine": cosine, "known to": reference.error})
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Return the distribution as Markdown."""
    lines = [
        "| loss | window | iteration | setting | median error | 90 % | largest | least cosine |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    keys = dict.fromkeys((r["loss"], r["window"], r["iteration"], r["setting"]) for r in rows)
    for key in keys:
        of = [r for r in rows if (r["loss"], r["window"], r["iteration"], r["setting"]) == key]
        errors = sorted(float(r["error"]) for r in of)  # type: ignore[arg-type]
        ninth = errors[min(len(errors) - 1, round(0.9 * (len(errors) - 1)))]
        least = min(float(r["cosine"]) for r in of)  # type: ignore[arg-type]
        numbers = f"{statistics.median(errors):.1e} | {ninth:.1e} | {errors[-1]:.1e} | {least:.3f}"
        lines.append(f"| {key[0]} | {key[1]} | {key[2]} | {key[3]} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    """Train, measure, and write the rows and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--windows", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--losses", nargs="+", default=list(LOSSES))
    parser.add_argument("--output", type=Path, default=Path("reports/spiral"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.output.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for window in chosen.windows:
        for loss in chosen.losses:
            for seed in range(chosen.seeds):
                rows += measured(seed, window, loss)
            (chosen.output / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
            (chosen.output / "table.md").write_text(table(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
