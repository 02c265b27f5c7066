"""The detection power of the checks: all checks on all mutants and on all right layers, as Markdown tables.

    python reports/detection_power.py [--profile ci] [--dtype float32] [--output FILE]

Mutants are layers that are wrong on purpose (`nodecheck.mutants`).  A right layer that fails is a false
alarm.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from nodecheck.frontends.running import run
from nodecheck.mutants import MUTANTS, ORIGINALS
from nodecheck.options.dtypes import DTYPES
from nodecheck.results import Run, Status
from nodecheck.targets.discovery import load_target
from nodecheck.targets.third_party.odelayer import LAYERS as ODELAYERS

RIGHT_LAYERS = "tests/samples/right_layers.py:LAYERS"


def failed_checks(result: Run) -> tuple[str, ...]:
    """Return the ids of the checks that failed or ended in an error, each once, in order."""
    bad = (Status.FAILED, Status.ERROR)
    return tuple(dict.fromkeys(r.check for r in result.results if r.status in bad))


def mutant_lines(profile: str, dtype: str | None) -> Iterable[str]:
    """Yield the lines of the table of mutants."""
    yield "| mutant | failure mode | failed checks | first cause named |"
    yield "|---|---|---|---|"
    for mutant in MUTANTS:
        result = run(mutant.layer, profile=profile, dtype=dtype)
        failed = failed_checks(result)
        causes = [r.diagnosis for r in result.results if r.status is Status.FAILED and r.diagnosis]
        checks = ", ".join(f"`{check}`" for check in failed) or "**none**"
        cause = causes[0].replace("|", "\\|") if causes else ""
        yield f"| {mutant.name} | `{mutant.failure_mode}` | {checks} | {cause} |"
        print(mutant.name, failed, file=sys.stderr)  # noqa: T201


def right_lines(profile: str, dtype: str | None) -> Iterable[str]:
    """Yield the lines of the table of right layers."""
    yield "| right layer | passed | failed | inconclusive |"
    yield "|---|---|---|---|"
    for layer in (*ODELAYERS, *ORIGINALS, *load_target(RIGHT_LAYERS)):
        result = run(layer, profile=profile, dtype=dtype)
        counts = Counter(r.status for r in result.results)
        bad = counts[Status.FAILED] + counts[Status.ERROR]
        yield f"| {layer.name} | {counts[Status.PASSED]} | {bad} | {counts[Status.INCONCLUSIVE]} |"
        print(layer.name, dict(counts), file=sys.stderr)  # noqa: T201


def page(profile: str, dtype: str | None = None) -> str:
    """Return the page: a summary and both tables."""
    mutants, right = list(mutant_lines(profile, dtype)), list(right_lines(profile, dtype))
    caught = sum("**none**" not in line for line in mutants[2:])
    alarms = sum(line.split("|")[3].strip() != "0" for line in right[2:])
    option = f" --dtype {dtype}" if dtype else ""
    head = (
        f"# Detection power\n\nProfile `{profile}`: {caught} of {len(mutants) - 2} wrong layers failed; "
        f"{alarms} of {len(right) - 2} right layers failed.\n\n"
        f"Made by `python reports/detection_power.py --profile {profile}{option}`.\n"
    )
    return "\n".join([head, "## Wrong layers\n", *mutants, "\n## Right layers\n", *right, ""])


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="ci", choices=("smoke", "ci", "full"))
    parser.add_argument("--dtype", choices=DTYPES)
    parser.add_argument("--output", type=Path, default=Path("reports/published/detection-power.md"))
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page(options.profile, options.dtype), encoding="utf-8")


if __name__ == "__main__":
    main()
