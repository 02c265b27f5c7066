"""Compare the verdicts of two versions of nodecheck, result by result: a proof that a change lost nothing.

    nodecheck check nodecheck.mutants:LAYERS --output before/mutants     # with the version before
    nodecheck check nodecheck.mutants:LAYERS --output after/mutants      # with the version after
    python tests/compare_runs.py before after

Every folder with a run.json is compared with the one of the same name.  Statuses must be equal for each
(layer, check, problem), up to checks that were merged (`nodecheck.checks.ALIASES`); a merged check may not
lose a detection.  Differences are printed, and counted by kind; diagnoses that differ are printed with
--diagnoses.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from nodecheck.checks import ALIASES
from nodecheck.results import Result, Run, Status, load_run

WRONG = (Status.FAILED, Status.ERROR, Status.XPASSED, Status.XFAILED)


def successors(result: Result, after: dict[str, list[Result]]) -> list[Result]:
    """Return the results that a result of the version before became."""
    if result.check not in ALIASES:
        return [r for r in after[result.check] if r.problem == result.problem]
    found = []
    for alias in ALIASES[result.check]:
        check, _, pattern = alias.partition(":")
        found += [r for r in after[check] if fnmatch.fnmatchcase(r.problem, pattern or "*")]
    return found


def differences(before: Run, after: Run) -> Iterator[tuple[str, str]]:
    """Yield a kind and a sentence for each result that is not what it was."""
    by_layer: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in after.results:
        by_layer[result.layer][result.check].append(result)
    matched: set[str] = set()
    for old in before.results:
        new = successors(old, by_layer[old.layer])
        matched |= {r.id for r in new}
        statuses = {r.status for r in new}
        if old.check in ALIASES:
            if old.status in WRONG and not statuses & set(WRONG):
                yield "merged check lost a detection", f"{old.id} {old.status} -> {_shown(new)}"
        elif not new:
            yield "gone", f"{old.id} {old.status} {old.reason}"
        elif statuses != {old.status}:
            yield f"{old.status} -> {'/'.join(sorted(statuses))}", f"{old.id}: {_why(old)} -> {_shown(new)}"
    for result in after.results:
        if result.id not in matched:
            yield f"new, {result.status}", f"{result.id} {_why(result)}"


def _shown(results: list[Result]) -> str:
    return "; ".join(f"{r.id} {r.status} {_why(r)}" for r in results) or "nothing"


def _why(result: Result) -> str:
    return (result.reason or result.diagnosis)[:200]


def lost_layers(before: Run, after: Run) -> Iterator[str]:
    """Yield the layers that had a wrong result before, and have none now."""
    for layer in dict.fromkeys(r.layer for r in before.results):
        was, now = (any(r.status in WRONG for r in run.of_layer(layer)) for run in (before, after))
        if was != now:
            yield f"{layer}: {'wrong before, not now' if was else 'wrong now, not before'}"


def diagnoses(before: Run, after: Run) -> Iterator[str]:
    """Yield the diagnoses that differ."""
    new = {r.id: r for r in after.results}
    for old in before.results:
        if old.id in new and old.diagnosis != new[old.id].diagnosis:
            yield f"{old.id}\n  - {old.diagnosis}\n  + {new[old.id].diagnosis}"


def main() -> None:
    """Compare, print, and exit with 1 if a detection was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--diagnoses", action="store_true")
    options = parser.parse_args()
    lost = 0
    for path in sorted(options.before.glob("*/run.json")):
        other = options.after / path.parent.name / "run.json"
        if not other.exists():
            continue
        before, after = load_run(path), load_run(other)
        found = list(differences(before, after))
        print(f"== {path.parent.name}: {len(before.results)} results before, {len(after.results)} after")
        for kind, count in sorted(Counter(kind for kind, _ in found).items()):
            print(f"   {count:4}  {kind}")
        for kind, text in found:
            if not kind.startswith(("new, passed", "new, skipped")):
                print(f"  [{kind}] {text}")
        for text in lost_layers(before, after):
            print(f"  LAYER {text}")
            lost += 1
        lost += sum(kind == "merged check lost a detection" for kind, _ in found)
        for text in diagnoses(before, after) if options.diagnoses else ():
            print(text)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
