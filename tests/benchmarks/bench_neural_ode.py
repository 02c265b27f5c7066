"""Time ODELayer beside a bare loop and torchdiffeq: python tests/benchmarks/bench_neural_ode.py.

The bare loop makes the same field evaluations and vector-Jacobian products with nothing around them: no
autograd function, no times to compute, no exchange of parameters, no check.  What a layer costs above it is
its overhead.  The candidates take turns, so that a busy machine slows all of them alike.  Prints Markdown;
asserts nothing.

On a device seconds are those between two events there.  Small states are bound by the time that Python takes
to launch kernels, large ones by arithmetic; a captured graph launches all kernels of a gradient at once, and
so shows how much of the time that is.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.device.accelerator import Accelerator, accelerator_of
from nodecheck.neural_ode import ODELayer

SIZES = ((16, 32, 32, 100), (64, 128, 64, 50), (256, 512, 256, 25))
"""State size, hidden width, batch, steps: from overhead-bound to arithmetic-bound."""
DEVICE_SIZES = ((16, 32, 32, 100), (64, 128, 1024, 50), (1024, 4096, 4096, 10))
"""The same for a device: bound by launches, between, and bound by arithmetic."""
TINY = ((4, 8, 4, 3),)
"""For a dry run."""


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
    times = torch.linspace(0.0, 1.0, n_steps + 1, device=y0.device).unbind()
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


def interleaved(
    runs: dict[str, Callable[[], None]], repeats: int, device: Accelerator | None
) -> dict[str, list[float]]:
    """Return the seconds of each candidate, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 2):  # two rounds to warm up
        for name, run in runs.items():
            taken = _timed(run, device)
            if repeat >= 2:
                seconds[name].append(taken)
    return seconds


def _timed(run: Callable[[], None], device: Accelerator | None) -> float:
    """Return the seconds of one run: between two events of a device, or by the clock of the host."""
    if device is None:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    device.synchronize()
    begin = device.mark()
    run()
    end = device.mark()
    device.synchronize()
    return device.seconds(begin, end)


def table(
    sizes: Sequence[tuple[int, int, int, int]], repeats: int, device: str, *, graphs: bool
) -> Iterator[str]:
    """Yield the lines of the table, as they are measured."""
    accelerator = accelerator_of(device) if graphs else None
    yield "| state, width, batch, steps | candidate | quartile, ms | median, ms | quartile, ms | / bare |"
    yield "|---|---|---:|---:|---:|---:|"
    bare, refused = {}, []
    for size in sizes:
        seconds = interleaved(candidates(*size, device), repeats, accelerator)
        bare[size] = statistics.median(seconds["bare loop"])
        yield from (_row(size, name, times, bare[size]) for name, times in seconds.items())
    for size in sizes if accelerator is not None else ():
        for name, run in candidates(*size, device).items():
            try:
                times = _of_graph(run, repeats, accelerator)
            except Exception as error:
                why = str(error).strip().splitlines()[0][:200]
                refused.append(f"{name} cannot be captured in a graph: {type(error).__name__}: {why}")
            else:
                yield _row(size, f"{name}, captured graph", times, bare[size])
    yield from (f"\n{sentence}" for sentence in dict.fromkeys(refused))


def _of_graph(run: Callable[[], None], repeats: int, device: Accelerator) -> list[float]:
    """Return the seconds of the replays of a captured gradient.

    It comes last, as a capture that fails may leave the device in disorder.
    """
    replay, _ = device.capture(lambda: (run(), ()))
    return interleaved({"": replay}, repeats, device)[""]


def _row(size: tuple[int, int, int, int], name: str, times: list[float], bare: float) -> str:
    low, middle, high = (1e3 * q for q in statistics.quantiles(times, n=4))
    label = ", ".join(map(str, size))
    ratio = statistics.median(times) / bare
    return f"| {label} | {name} | {low:.2f} | {middle:.2f} | {high:.2f} | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--pretend", action="store_true", help="tiny sizes on the CPU, as if it were a device"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    on_device = args.pretend or args.device != "cpu"
    sizes = TINY if args.pretend else DEVICE_SIZES if on_device else SIZES
    with contextlib.ExitStack() as stack:
        if args.pretend:
            sys.path.append(str(Path(__file__).parents[1] / "samples"))
            from pretended_device import pretended

            stack.enter_context(pretended())
        where = torch.cuda.get_device_name() if args.device.startswith("cuda") else args.device
        print(f"torch {torch.__version__}, {where}, one thread, {args.repeats} interleaved runs\n")  # noqa: T201
        for line in table(sizes, args.repeats, args.device, graphs=on_device):
            print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
