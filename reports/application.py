"""A classifier of digits with an ODE block: accuracy, time, memory, and the gradient that trains it.

    python -m pip install -c constraints.txt -e ".[application]"
    python reports/application.py            # some minutes on two cores

Data are the 1797 digits of scikit-learn, 8 x 8 pixels.  The model is an encoder, an ODE block in four
numbers, and a decoder.  It is trained with our layer in four adjoint modes, with torchdiffeq, and as a
residual network with shared weights.  The gradient is audited before and after the training, and monitored
in between.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

import nodecheck
from nodecheck.report.html import environment
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.plots import drawn_figure
from nodecheck.report.svg import marker_definitions
from nodecheck.results import Series

HERE = Path(__file__).parent
SEED, TRAINED, EPOCHS, BATCH, RATE = 0, 1297, 30, 64, 1e-2
STATE, WIDTH, STEPS = 4, 64, 8
TIMES = torch.tensor([0.0, 1.0])
DEPTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MODES = ("continuous", "discrete", "checkpointed", "reversible")
Solve = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Field(nn.Module):
    """A network of the state and of time."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(STATE + 1, WIDTH), nn.Tanh(), nn.Linear(WIDTH, STATE))

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        """Return dy/dt."""
        return self.net(torch.cat([y, torch.ones_like(y[:, :1]) * t], dim=1))


class Classifier(nn.Module):
    """Encoder, ODE block, decoder."""

    def __init__(self, solve: Solve) -> None:
        super().__init__()
        self.encoder, self.dynamics, self.decoder = nn.Linear(64, STATE), Field(), nn.Linear(STATE, 10)
        self.solve = solve

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of ten classes."""
        return self.decoder(self.solve(self.dynamics, self.encoder(x), TIMES))


def ours(**options: Any) -> Solve:
    """Return a solve by our layer."""

    def solve(dynamics: nn.Module, y0: Tensor, t: Tensor) -> Tensor:
        return nodecheck.ODELayer(dynamics, float(t[0]), float(t[-1]), **options)(y0)

    return solve


def theirs(solver: Callable[..., Tensor], **options: Any) -> Solve:
    """Return a solve by torchdiffeq."""
    return lambda dynamics, y0, t: solver(dynamics, y0, t, **options)[-1]


LOOSE = {"rtol": 1e-3, "atol": 1e-3}
BLOCKS: dict[str, Solve] = {
    **{f"ODELayer, RK4, {mode}": ours(n_steps=STEPS, solver="rk4", adjoint=mode) for mode in MODES},
    "ODELayer, dopri5, continuous": ours(**LOOSE),
    "torchdiffeq, dopri5, adjoint": theirs(odeint_adjoint, **LOOSE),
    "torchdiffeq, dopri5, backprop": theirs(odeint, **LOOSE),
    "residual network of 2 layers": ours(n_steps=2, solver="euler", adjoint="discrete"),
    "residual network of 8 layers": ours(n_steps=STEPS, solver="euler", adjoint="discrete"),
}


def data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pixels and classes for training, and for the test."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(SEED))
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16.0
    labels = torch.tensor(digits.target)[order]
    return x[:TRAINED], labels[:TRAINED], x[TRAINED:], labels[TRAINED:]


def accuracy(model: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return the share of classes that are right."""
    with torch.no_grad():
        return float((model(x).argmax(1) == labels).float().mean())


def audited(name: str, model: Classifier, solve: Solve, x: Tensor, labels: Tensor) -> dict[str, Any]:
    """Return the error of the gradient of the ODE block for one batch."""
    y0 = model.encoder(x).detach().requires_grad_()

    def loss(y1: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model.decoder(y1.to(x)), labels)

    report = nodecheck.audit(solve, model.dynamics, y0, TIMES, loss=loss, name=name)
    record = report.record
    causes = {part.cause: part.size for part in record.parts}
    return {"outcome": record.outcome.value, "error": record.error, "cosine": record.cosine, **causes}


def trained(name: str, solve: Solve) -> tuple[Classifier, dict[str, Any]]:
    """Return a trained model, and what was measured of it."""
    x, labels, test_x, test_labels = data()
    torch.manual_seed(SEED)
    watched = nodecheck.watch(solve)
    model = Classifier(watched)
    monitor = nodecheck.GradientMonitor(watched, model, budget=0.05, share=0.05)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    before = audited(name, model, solve, x[:BATCH], labels[:BATCH])
    spent = 0.0
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(BATCH):
            start = time.perf_counter()

            def closure(chosen: Tensor = chosen) -> Tensor:
                return nn.functional.cross_entropy(model(x[chosen]), labels[chosen])

            closure().backward()
            spent += time.perf_counter() - start
            monitor.after_backward(closure)
            optimiser.step()
            optimiser.zero_grad()
    after = audited(name, model, solve, x[:BATCH], labels[:BATCH])
    log = monitor.log
    model.solve = solve
    return model, {
        "accuracy": accuracy(model, test_x, test_labels),
        "milliseconds of a step": 1000 * spent / log.iterations,
        "before": before,
        "after": after,
        "readings": [(r.iteration, r.error) for r in log.readings],
        "alarm": log.alarm,
    }


def at_depths(model: Classifier, solver: str) -> list[float]:
    """Return the accuracy of a trained model whose block takes other numbers of steps."""
    _, _, x, labels = data()
    found = []
    for n in DEPTHS:
        model.solve = ours(n_steps=n, solver=solver, adjoint="discrete")
        found.append(accuracy(model, x, labels))
    return found


def saved_bytes(mode: str, n_steps: int) -> float:
    """Return the bytes that autograd saves in the forward pass of one batch; it sees no checkpoints."""
    x, labels, _, _ = data()
    torch.manual_seed(SEED)
    model = Classifier(ours(n_steps=n_steps, solver="rk4", adjoint=mode))
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = nn.functional.cross_entropy(model(x[:BATCH]), labels[:BATCH])
    loss.backward()
    return float(sum(storages.values()))


def trajectories(model: Classifier) -> dict[str, list[list[list[float]]]]:
    """Return paths of some test digits in the plane of the two principal directions of their ends."""
    _, _, x, labels = data()
    with torch.no_grad():
        y0 = model.encoder(x)
        layer = nodecheck.ODELayer(model.dynamics, 0.0, 1.0, 40, solver="rk4", adjoint="discrete")
        ys = layer.solve(y0, torch.linspace(0, 1, 21).tolist())
        _, _, directions = torch.pca_lowrank(ys[-1], q=2)
        plane = (ys - ys[-1].mean(0)) @ directions
    return {
        str(digit): [plane[:, k].tolist() for k in torch.nonzero(labels == digit)[:6, 0].tolist()]
        for digit in range(0, 10, 2)
    }


def measured() -> dict[str, Any]:
    """Return everything that the report shows."""
    found: dict[str, Any] = {"blocks": {}}
    for name, solve in BLOCKS.items():
        model, found["blocks"][name] = trained(name, solve)
        if name == "ODELayer, RK4, discrete":
            found["trajectories"] = trajectories(model)
            found["ODE block"] = at_depths(model, "rk4")
        if name.startswith("residual"):
            found[name] = at_depths(model, "euler")
    # What checkpoints keep does not pass the hooks: `nodecheck memory odelayer` measures that.
    kept = [mode for mode in MODES if mode != "checkpointed"]
    found["memory"] = {mode: [saved_bytes(mode, n) for n in DEPTHS] for mode in kept}
    return found


def panel(
    title: str, curves: dict[str, tuple[list[float], list[float]]], x: str, y: str, **how: Any
) -> Panel:
    """Return a panel of curves."""
    series = tuple(Series(title, name, tuple(a), tuple(b), x, y, **how) for name, (a, b) in curves.items())
    return Panel(title, title, "digits", series)


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the report."""
    depths = [float(n) for n in DEPTHS]
    memory = {mode: (depths, values) for mode, values in found["memory"].items()}
    kinds = ("ODE block", "residual network of 2 layers", "residual network of 8 layers")
    depth = {kind: (depths, [1.0 - right for right in found[kind]]) for kind in kinds}
    readings = {
        name: ([float(i) for i, _ in block["readings"]], [e for _, e in block["readings"]])
        for name, block in found["blocks"].items()
        if block["readings"]
    }
    paths = {
        f"digit {digit}": (
            [v for path in of for v in (*[p[0] for p in path], float("nan"))],
            [v for path in of for v in (*[p[1] for p in path], float("nan"))],
        )
        for digit, of in found["trajectories"].items()
    }
    return {
        "depth": drawn_figure(
            Figure(
                "Depth and memory",
                "",
                (
                    panel("Digits that are taken for others", depth, "steps", "share", log=True),
                    panel("Memory of the forward pass", memory, "steps", "bytes", log=True),
                ),
            ),
            "wide",
        ),
        "gradient": drawn_figure(
            Figure(
                "Gradient while it trains",
                "",
                (panel("Error of the gradient", readings, "iteration", "relative error", log=True),),
            ),
            "wide",
        ),
        "paths": drawn_figure(
            Figure(
                "Trajectories",
                "",
                (panel("Some test digits", paths, "first direction", "second direction", style="line"),),
            ),
            "portrait",
        ),
    }


def page(found: dict[str, Any]) -> str:
    """Return the report as one HTML file."""
    template = environment().from_string((HERE / "application.html.j2").read_text(encoding="utf-8"))
    return template.render(
        found=found,
        figures=figures(found),
        markers=marker_definitions(),
        steps=STEPS,
        epochs=EPOCHS,
        state=STATE,
    )


def main() -> None:
    """Measure, and write the numbers and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE / "application")
    parser.add_argument("--redraw", action="store_true", help="Draw the page again, from the stored numbers.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.output.mkdir(parents=True, exist_ok=True)
    numbers = chosen.output / "numbers.json"
    if not chosen.redraw:
        numbers.write_text(json.dumps(_rounded(measured()), separators=(",", ":")), encoding="utf-8")
    text = page(json.loads(numbers.read_text(encoding="utf-8")))
    (chosen.output / "index.html").write_text(text, encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Return numbers with four digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main()
