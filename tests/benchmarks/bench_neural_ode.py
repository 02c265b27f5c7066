"""Time ODELayer beside a bare loop and torchdiffeq: python tests/benchmarks/bench_neural_ode.py.

The bare loop makes the same field evaluations and vector-Jacobian products with nothing around them: no
autograd function, no times to compute, no exchange of parameters, no check.  What a layer costs above it is
its overhead.  The candidates take turns, so that a busy machine slows all of them alike.  Prints Markdown;
asserts nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer

SIZES = ((16, 32, 32, 100), (64, 128, 64, 50), (256, 512, 256, 25))
"""State size, hidden width, batch, steps: from overhead-bound to arithmetic-bound."""


class Field(nn.Module):
    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, size))

    def forward(self, _t: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.net(y)
        return out


def bare_loop(field: nn.Module, y0: Tensor, n_steps: int) -> Callable[[], None]:
    """Return the hand-written forward and backward pass of Euler's method."""
    h = 1.0 / n_steps
    times = torch.linspace(0.0, 1.0, n_steps + 1).unbind()
    params = list(field.parameters())

    def run() -> None:
        y = y0.detach()
        with torch.no_grad():
            for t in times[:-1]:
                y = torch.add(y, field(t, y), alpha=h)
        a, sums = torch.ones_like(y), [torch.zeros_like(p) for p in params]
        for t in times[:0:-1]:
            leaf = y.detach().requires_grad_()
            k = field(t, leaf)
            v, *vps = torch.autograd.grad(k, (leaf, *params), a)
            y, a = torch.add(y, k.detach(), alpha=-h), torch.add(a, v, alpha=h)
            for total, vp in zip(sums, vps, strict=True):
                total.add_(vp, alpha=h)

    return run


def layer(field: nn.Module, y0: Tensor, solve: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    """Return a forward and backward pass of a layer, its gradients starting from None."""

    def run() -> None:
        y0.grad = None
        field.zero_grad(set_to_none=True)
        y = solve(y0)
        y.backward(torch.ones_like(y))

    return run


def candidates(size: int, width: int, batch: int, n_steps: int, device: str) -> dict[str, Callable[[], None]]:
    torch.manual_seed(0)
    field = Field(size, width).to(device)
    y0 = torch.randn(batch, size, device=device, requires_grad=True)
    found = {"bare loop": bare_loop(field, y0, n_steps)}
    for adjoint in ("continuous", "discrete", "checkpointed", "reversible"):
        ours = ODELayer(field, n_steps=n_steps, adjoint=adjoint)
        found[f"ODELayer, {adjoint}"] = layer(field, y0, ours)
    try:
        from torchdiffeq import odeint_adjoint
    except ImportError:
        return found
    ends = torch.tensor([0.0, 1.0], device=device)
    options = {"step_size": 1.0 / n_steps}
    found["torchdiffeq odeint_adjoint"] = layer(
        field, y0, lambda y: odeint_adjoint(field, y, ends, method="euler", options=options)[-1]
    )
    return found


def interleaved(runs: dict[str, Callable[[], None]], repeats: int, device: str) -> dict[str, list[float]]:
    """Return the seconds of each candidate, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 2):  # two rounds to warm up
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {args.device}, one thread, {args.repeats} interleaved runs\n")  # noqa: T201
    print("| state, width, batch, steps | candidate | quartile, ms | median, ms | quartile, ms | / bare |")  # noqa: T201
    print("|---|---|---:|---:|---:|---:|")  # noqa: T201
    for size in SIZES:
        seconds = interleaved(candidates(*size, args.device), args.repeats, args.device)
        bare = statistics.median(seconds["bare loop"])
        for name, times in seconds.items():
            low, middle, high = (1e3 * q for q in statistics.quantiles(times, n=4))
            ratio = statistics.median(times) / bare
            label = ", ".join(map(str, size))
            print(f"| {label} | {name} | {low:.2f} | {middle:.2f} | {high:.2f} | {ratio:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
