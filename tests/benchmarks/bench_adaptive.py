"""Time ODELayer with tolerances beside torchdiffeq's dopri5: python tests/benchmarks/bench_adaptive.py.

One forward and one backward pass at equal rtol and atol.  The candidates take turns, so that a busy machine
slows all of them alike.  Each way to the gradient stands beside the one of torchdiffeq that keeps as much:
backpropagation beside `odeint`, what does without the trajectory beside `odeint_adjoint`.  Evaluations of the
field are counted in both passes; the error is the largest one of y1, beside a solve at a tolerance a thousand
times as tight.  Prints Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator

import torch
from bench_neural_ode import SIZES, Field, interleaved, layer
from torch import Tensor
from torchdiffeq import odeint, odeint_adjoint

from nodecheck.neural_ode import ODELayer

TOLERANCES = (1e-3, 1e-6)
BESIDE = {
    "ODELayer, continuous": "odeint_adjoint",
    "ODELayer, checkpointed": "odeint_adjoint",
    "ODELayer, discrete": "odeint",
}


def solvers(field: Field, tol: float) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return y0 -> y1 of each candidate."""
    ends = torch.tensor([0.0, 1.0])
    own = {name: ODELayer(field, rtol=tol, atol=tol, adjoint=name.split()[-1]) for name in BESIDE}
    return {
        **own,
        "odeint": lambda y: odeint(field, y, ends, rtol=tol, atol=tol, method="dopri5")[-1],
        "odeint_adjoint": lambda y: odeint_adjoint(field, y, ends, rtol=tol, atol=tol, method="dopri5")[-1],
    }


def evaluations(field: Field, run: Callable[[], None]) -> int:
    """Return the evaluations of the field in one run."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    hook = field.register_forward_hook(counted)
    run()
    hook.remove()
    return count


def table(repeats: int) -> Iterator[str]:
    """Yield the lines of the table, as they are measured."""
    yield "| state, width, batch | tol | candidate | median, ms | evaluations | error of y1 | / torchdiffeq |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for size, width, batch, _ in SIZES:
        for tol in TOLERANCES:
            torch.manual_seed(0)
            field, y0 = Field(size, width), torch.randn(batch, size, requires_grad=True)
            with torch.no_grad():
                tight = ODELayer(Field(size, width).double(), rtol=tol / 1000, atol=tol / 1000)
                tight.dynamics.load_state_dict(field.state_dict())
                exact = tight(y0.double())
                errors = {
                    name: (solve(y0) - exact).abs().max() for name, solve in solvers(field, tol).items()
                }
            runs = {name: layer(field, y0, solve) for name, solve in solvers(field, tol).items()}
            counts = {name: evaluations(field, run) for name, run in runs.items()}
            seconds = {n: statistics.median(s) for n, s in interleaved(runs, repeats, None).items()}
            for name, taken in seconds.items():
                ratio = f"{taken / seconds[BESIDE[name]]:.2f}" if name in BESIDE else ""
                yield (
                    f"| {size}, {width}, {batch} | {tol:g} | {name} | {1e3 * taken:.2f} | {counts[name]} | "
                    f"{errors[name]:.1e} | {ratio} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {args.repeats} interleaved runs\n")  # noqa: T201
    for line in table(args.repeats):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
