"""How exact the gradient of the spiral demo is while it trains: the distribution over seeds.

    python reports/spiral_gradient.py --jobs 2    # some ten minutes on two cores

The model, data and optimiser are those of torchdiffeq's examples/ode_demo.py.  It trains by backprop, as the
demo does unless told otherwise, at rtol 1e-3; with `--train adjoint` by the adjoint, which takes 18 times as
long on windows of 100.  At some iterations the gradient of one batch is compared with the exact one, for
several settings at the same parameters.

Rows are stored after each run of the training; runs that are stored already are not repeated.  Delete
`rows.json` to begin anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from strips import strips
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from nodecheck.own_model.audit import Audit, Loss, task_of
from nodecheck.own_model.conclusion import cosine_of, error_of
from nodecheck.own_model.passes import run_pass
from nodecheck.own_model.reference import reference_of

AT = (0, 100, 200, 300)
BATCH = 20
LOOSE = {"rtol": 1e-3, "atol": 1e-4}


def worst_sample(error: Tensor) -> Tensor:
    """Return the largest root mean square among the samples of a batch; torchdiffeq takes that of all."""
    return error.square().mean(-1).sqrt().max()


# The first three differ in the error norm alone, the others in tolerance or in the way to the gradient.
SETTINGS: dict[str, tuple[Callable[..., Tensor], dict[str, Any]]] = {
    "adjoint, 1e-3": (odeint_adjoint, LOOSE),
    "adjoint, 1e-3, seminorm": (odeint_adjoint, {**LOOSE, "adjoint_options": {"norm": "seminorm"}}),
    "adjoint, 1e-3, worst sample": (odeint_adjoint, {**LOOSE, "options": {"norm": worst_sample}}),
    "backprop, 1e-3": (odeint, LOOSE),
    "adjoint, 1e-5": (odeint_adjoint, {"rtol": 1e-5, "atol": 1e-6}),
    "adjoint, the default 1e-7": (odeint_adjoint, {}),
}
TRAINING = {"backprop": odeint, "adjoint": odeint_adjoint}
COLUMNS = ("window", "loss", "iteration", "seed", "setting", "error", "cosine", "known to")
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


def measured(seed: int, window: int, loss: str, solver: Callable[..., Tensor]) -> list[dict[str, Any]]:
    """Return the errors of all settings along one training run by this solver."""
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
        loss_of(solver(field, y0, t, **LOOSE)).backward()
        optimiser.step()
    return rows


def compared(field: nn.Module, y0: Tensor, t: Tensor, loss: Loss) -> list[dict[str, Any]]:
    """Return the error of each setting at the present parameters."""
    rows: list[dict[str, Any]] = []
    reference = None
    for name, (solver, options) in SETTINGS.items():
        audit = Audit("spiral", lambda f, y, t, s=solver, o=options: s(f, y, t, **o), field, y0, t, loss)
        if reference is None:
            reference = reference_of(task_of(audit, torch.float64), audit.target, final=False)
        found = run_pass(audit.solve, task_of(audit)).gradient
        error, cosine = error_of(reference, found), cosine_of(reference.gradient, found)
        rows.append({"setting": name, "error": error, "cosine": cosine, "known to": reference.error})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the distribution as Markdown."""
    lines = [
        "| loss | window | iteration | setting | median error | 90 % | largest | least cosine | runs |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for key, of in grouped(rows).items():
        errors = sorted(r["error"] for r in of)
        ninth = errors[round(0.9 * (len(errors) - 1))]
        least = min(r["cosine"] for r in of)
        numbers = (
            f"{statistics.median(errors):.1e} | {ninth:.1e} | {errors[-1]:.1e} | {least:.3f} | {len(of)}"
        )
        lines.append(f"| {' | '.join(map(str, key))} | {numbers} |")
    return "\n".join(lines) + "\n"


def trained(rows: list[dict[str, Any]], window: int, loss: str, setting: str) -> list[dict[str, Any]]:
    """Return the rows of a setting after the start of the training, all iterations together."""
    chosen = {"window": window, "loss": loss, "setting": setting}
    return [r for r in rows if r["iteration"] and all(r[key] == value for key, value in chosen.items())]


def cases(rows: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Return the windows and losses that were measured, the short windows first."""
    return sorted({(r["window"], r["loss"]) for r in rows})


def short(number: float) -> str:
    """Return a number with two digits, 440 as it is."""
    return f"{number:.0f}" if number >= 100 else f"{number:.2g}"


def summary(rows: list[dict[str, Any]]) -> str:
    """Return the distribution after the start of the training as Markdown: a line for each setting."""
    heads = " | ".join(f"window {window}, {loss}" for window, loss in cases(rows))
    lines = [f"| setting | {heads} |", "|---|" + "---:|" * len(cases(rows))]
    for setting in SETTINGS:
        cells = []
        for window, loss in cases(rows):
            of = trained(rows, window, loss, setting)
            if not of:
                cells.append("not measured")
                continue
            errors = sorted(r["error"] for r in of)
            ninth = errors[round(0.9 * (len(errors) - 1))]
            numbers = [100 * number for number in (statistics.median(errors), ninth, errors[-1])]
            cells.append(f"{' / '.join(short(number) for number in numbers)} %")
        lines.append(f"| {setting} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def picture(rows: list[dict[str, Any]]) -> str:
    """Return the distribution after the start of the training as SVG."""
    panels = {
        f"window {window}, {loss}": {
            setting: [r["error"] for r in trained(rows, window, loss, setting)] for setting in SETTINGS
        }
        for window, loss in cases(rows)
    }
    seeds = len({r["seed"] for r in rows})
    title = f"Error of the gradient of the spiral demo: {seeds} seeds, iterations 100, 200 and 300"
    return strips(title, panels, "relative error; a dot is a batch, the bar the median")


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Return the rows of all seeds by loss, window, iteration and setting."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for r in rows:
        groups.setdefault((r["loss"], r["window"], r["iteration"], r["setting"]), []).append(r)
    return groups


def stored(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, none if there is no file."""
    if not file.is_file():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    names = found["settings"]
    return [dict(zip(COLUMNS, (*row[:4], names[row[4]], *row[5:]), strict=True)) for row in found["rows"]]


def store(file: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows with four digits, and settings as indices."""
    names = list(SETTINGS)
    order = sorted(rows, key=lambda r: (*(r[c] for c in COLUMNS[:4]), names.index(r["setting"])))
    lists = [
        [
            *(r[c] for c in COLUMNS[:4]),
            names.index(r["setting"]),
            *(float(f"{r[c]:.4g}") for c in COLUMNS[5:]),
        ]
        for r in order
    ]
    text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in lists)
    head = json.dumps({"columns": COLUMNS, "settings": names})[:-1]
    file.write_text(f'{head}, "rows": [\n{text}\n]}}\n', encoding="utf-8")


def measure(file: Path, runs: list[tuple[int, int, str]], solver: Callable[..., Tensor], jobs: int) -> None:
    """Add the rows of the runs that are not stored, each (seed, window, loss), as they come."""
    rows = stored(file)
    done = {(r["seed"], r["window"], r["loss"]) for r in rows}
    with ProcessPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for future in as_completed([pool.submit(measured, *run, solver) for run in runs if run not in done]):
            rows += future.result()
            store(file, rows)


def main() -> None:
    """Train, measure, and write the rows and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--windows", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--losses", nargs="+", default=list(LOSSES))
    parser.add_argument("--train", choices=list(TRAINING), default="backprop")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("reports/spiral"))
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    file = chosen.output / "rows.json"
    runs = [(s, w, loss) for w in chosen.windows for s in range(chosen.seeds) for loss in chosen.losses]
    measure(file, runs, TRAINING[chosen.train], chosen.jobs)
    rows = stored(file)
    head = "Median, 90 % and largest, iterations 100 to 300:"
    text = f"{head}\n\n{summary(rows)}\nEach iteration:\n\n{table(rows)}"
    (chosen.output / "table.md").write_text(text, encoding="utf-8")
    (chosen.output / "errors.svg").write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
