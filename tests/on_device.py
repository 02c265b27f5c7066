"""Collect all that is to be known of CUDA, in under eight minutes: python tests/on_device.py --output FOLDER.

It needs no network, and a device that torch can use.  Each part has a time limit of its own; what a part says
is written as it comes, and what was measured until its limit is kept.  ``--wheels FOLDER`` installs wheels
that the machine lacks, for this run only.  ``--dry-run`` goes through the same parts on the CPU, in a small
form, so that no minute on a device is spent on a typing error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GRACE = 8.0
"""Seconds after Ctrl-C for a part to write what it has, before it is killed."""
_VERSIONS = (
    "import platform, torch; there = torch.cuda.is_available(); "
    "print('Python', platform.python_version(), '| torch', torch.__version__, '| CUDA', torch.version.cuda, "
    "'|', torch.cuda.get_device_name() if there else 'no CUDA device')"
)
_DRIVER = (
    "import shutil, subprocess; smi = shutil.which('nvidia-smi'); "
    "print(subprocess.run([smi, '--query-gpu=name,driver_version', '--format=csv,noheader'], check=True, "
    "capture_output=True, text=True).stdout.strip() if smi else 'no nvidia-smi')"
)
_BENCHMARK = "tests/benchmarks/bench_neural_ode.py"


@dataclass(frozen=True)
class Part:
    """A command, the seconds that it may take, and the exit codes with which it has done its work."""

    name: str
    arguments: tuple[str, ...]
    seconds: float
    done: tuple[int, ...] = (0,)


def parts(output: Path, *, dry_run: bool) -> tuple[Part, ...]:
    """Return what is run, on a device or in a small form on the CPU."""
    tests = ("-m", "pytest", "-q", "-n0", "-m", "cuda", "-p", "no:randomly", "-p", "no:cacheprovider", "-rs")
    return (
        Part("machine", ("-c", _VERSIONS), 30),
        Part("driver", ("-c", _DRIVER), 10),
        Part("tests", (*tests, *map(str, files_of_tests())), 90),
        *(_small if dry_run else _whole)(output),
    )


def _whole(output: Path) -> Iterator[Part]:
    """Yield the parts that measure, on a device."""
    check = ("odelayer", "torchdiffeq", "--profile", "smoke", "--device", "cuda")
    alone = ("odelayer::*rk4*", "torchdiffeq::*rk4", "--device", "cuda", "--steps", "10:10000")
    beside = ("odelayer", "torchdiffeq", "--device", "both", "--steps", "10:256")
    yield _command("check", "check", check, output, 120)
    yield _command("memory-cuda", "memory", alone, output, 70)
    yield _command("memory-both", "memory", beside, output, 50)
    yield Part("benchmark", (_BENCHMARK, "--device", "cuda", "--repeats", "10"), 40)


def _small(output: Path) -> Iterator[Part]:
    """Yield the same on the CPU."""
    layer = "odelayer::*euler-discrete"
    check = (layer, "--profile", "smoke", "--device", "cpu", "--select", "constant-field")
    yield _command("check", "check", check, output, 120)
    for name, device in (("memory-cuda", "cpu"), ("memory-both", "both")):
        ladder = (layer, "--device", device, "--steps", "4:40", "--state", "256")
        yield _command(name, "memory", ladder, output, 60)
    yield Part("benchmark", (_BENCHMARK, "--pretend", "--repeats", "2"), 40)


def _command(name: str, command: str, arguments: Sequence[str], output: Path, seconds: float) -> Part:
    """Return a part that is a command of nodecheck; a layer that is wrong (1) is a finding and no failure."""
    words = ("-m", "nodecheck", command, *arguments, "--output", str(output / name))
    return Part(name, words, seconds, done=(0, 1))


def files_of_tests() -> Iterator[Path]:
    """Yield the files that have a test for a device: the others need not be imported."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if any(mark in text for mark in ("@pytest.mark.cuda", "pytestmark = pytest.mark.cuda")):
            yield path.relative_to(ROOT)


def limit_of_all(chosen: Sequence[Part]) -> float:
    """Return the most seconds that parts take, with the time to write what they have."""
    return sum(part.seconds + GRACE for part in chosen)


def run_part(part: Part, output: Path, environment: dict[str, str]) -> dict[str, object]:
    """Run a part, and return its end; what it says is in a file of its name."""
    clock, timed_out = time.monotonic(), False
    with (output / f"{part.name}.txt").open("wb") as text:
        process = subprocess.Popen(
            [sys.executable, *part.arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=text,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(part.seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end(process)
    seconds = round(time.monotonic() - clock, 1)
    complete = not timed_out and process.returncode in part.done
    return {"part": part.name, "exit": process.returncode, "seconds": seconds, "complete": complete}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a process write what it has, and end it with all that it has started."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def install(wheels: Path, site: Path) -> None:
    """Install wheels into a folder of this run."""
    pip = ("-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir")
    found = sorted(map(str, wheels.glob("*.whl")))
    subprocess.run([sys.executable, *pip, "--upgrade", "--target", str(site), *found], check=True)


def collect(output: Path, *, dry_run: bool, wheels: Path | None) -> int:
    """Run all parts and return 0 if each has done its work; the summary is written after each."""
    output.mkdir(parents=True, exist_ok=True)
    site = output / "site"
    if wheels is not None:
        install(wheels, site)
    folders = (str(site) if site.is_dir() else "", str(ROOT), os.environ.get("PYTHONPATH", ""))
    path = os.pathsep.join(filter(None, folders))
    environment = {"OMP_NUM_THREADS": "4", **os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    ended: list[dict[str, object]] = []
    for part in parts(output, dry_run=dry_run):
        ended.append(run_part(part, output, environment))
        (output / "summary.json").write_text(json.dumps(ended, indent=1) + "\n", encoding="utf-8")
        print(*(f"{key}: {value}" for key, value in ended[-1].items()), sep="  ", flush=True)  # noqa: T201
    return 0 if all(one["complete"] for one in ended) else 1


def main() -> int:
    """Read the command line and collect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "on-device")
    parser.add_argument("--wheels", type=Path, help="folder of wheels that the machine lacks")
    parser.add_argument("--dry-run", action="store_true", help="the same parts on the CPU, in a small form")
    chosen = parser.parse_args()
    return collect(chosen.output.resolve(), dry_run=chosen.dry_run, wheels=chosen.wheels)


if __name__ == "__main__":
    sys.exit(main())
