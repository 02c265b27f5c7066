"""Wall time from a command to its end, as multiples of `import torch` on the same machine.

A script, which pytest does not collect::

    python tests/benchmarks/bench_startup.py [--other PATH] [--rounds 3]

The commands take turns, so that a slow moment of the machine meets all of them; the best of all rounds
counts. `--other` names a second source tree, which is measured beside this one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).parents[2]
ROUNDS = 3
LAYER = """
from nodecheck import ODELayer, TorchLayer

def build(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")

LAYERS = [TorchLayer("rk4", build, order=4, adjoint="discrete")]
"""
CHECK = ("-m", "nodecheck", "check", "one_layer.py:LAYERS", "--output", "out", "--profile")
COMMANDS = {
    "import torch": ("-c", "import torch"),
    "nodecheck --help": ("-m", "nodecheck", "--help"),
    **{f"list {what}": ("-m", "nodecheck", "list", what) for what in ("checks", "problems", "mutants")},
    **{f"explain {name}": ("-m", "nodecheck", "explain", name) for name in ("gradient-order", "gradient")},
    "check, smoke": (*CHECK, "smoke"),
    "check, ci": (*CHECK, "ci"),
}


def seconds(command: tuple[str, ...], tree: Path, folder: Path) -> float:
    """Return the wall time of a command in a fresh process; its output is read, as a pipeline would."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, timeout=600, check=True
    )
    return time.perf_counter() - begun


def measure(trees: list[Path], rounds: int) -> dict[tuple[str, Path], float]:
    """Return the best time of each command for each tree."""
    best: dict[tuple[str, Path], float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one_layer.py").write_text(LAYER)
        for _ in range(rounds):
            for title, command in COMMANDS.items():
                for tree in trees:
                    key = title, tree
                    best[key] = min(best.get(key, float("inf")), seconds(command, tree, folder))
    return best


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, help="root of a second source tree")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    trees = [TREE, *([options.other.resolve()] if options.other else [])]
    best = measure(trees, options.rounds)
    torch = min(best["import torch", tree] for tree in trees)
    sys.stdout.write(f"best of {options.rounds}, in seconds and as multiples of `import torch`\n")
    for tree in trees:
        sys.stdout.write(f"\n{tree}\n")
        for title in COMMANDS:
            value = best[title, tree]
            sys.stdout.write(f"  {title:<24}{value:8.2f} s{value / torch:8.2f}\n")


if __name__ == "__main__":
    main()
