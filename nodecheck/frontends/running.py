"""`nodecheck.run`, `nodecheck.check` and `nodecheck.load_run`: a run as a value that shows itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from nodecheck.results import Run

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer

__all__ = ["ShownRun", "check", "load_run", "run"]

_WIDTH = 110  # columns of the text


class ShownRun(Run):
    """A `Run` that prints as in the terminal, shows itself in a notebook, and saves its report.

    It is equal to the plain run with the same results.
    """

    @classmethod
    def of(cls, run: Run) -> ShownRun:
        """Return a run as one that shows itself."""
        return cls(**{field.name: getattr(run, field.name) for field in fields(run)})

    def save(self, folder: Path | str) -> Path:
        """Write what `nodecheck check` writes into a folder, which is made; return the path of the page.

        These are `run.json`, `index.html`, `junit.xml` and `summary.md`.

        Raises
        ------
        OSError
            If a file cannot be written; the others are.
        """
        from nodecheck.report.files import PAGE, write_record, write_views

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        trouble = [*write_record(self, place), *write_views(self, place)]
        if trouble:
            raise OSError("; ".join(trouble))
        return place / PAGE

    def __str__(self) -> str:
        from rich.console import Console

        from nodecheck.report import terminal

        console = Console(width=_WIDTH, no_color=True, force_terminal=False, force_jupyter=False)
        with console.capture() as captured:
            terminal.render(self, console)
        return captured.get().strip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from nodecheck.report.html import fragment

        return fragment(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(self))

    __hash__ = Run.__hash__


def run(
    layers: TorchLayer | Iterable[TorchLayer],
    *,
    profile: str = "ci",
    select: str | Sequence[str] = "*",
    seed: int = 0,
    device: str = "cpu",
    dtype: str | None = None,
    problems: object = (),
) -> ShownRun:
    """Check layers in this process and return all results.

    `nodecheck.check` is the same function.  A layer that hangs or crashes the interpreter takes this process
    with it.

    Parameters
    ----------
    layers
        One layer or several, with different names.
    profile
        "smoke", "ci" or "full".
    select
        Shell pattern, or several; only checks whose id matches are run, and those that they need.
    seed
        Seed of all random numbers.
    device
        Device on which the layers run: "cpu", "cuda", or "both", the CPU alone where there is no other.
    dtype
        Dtype in which the layers run: "float64" or "float32"; None: float64, or the only one that a layer
        works in.
    problems
        Problems of your own, from `nodecheck.problems.from_module`, one or several: only checks that can be
        asked on a field of your own are run, on these alone.

    Returns
    -------
    Run
        Prints as the command line does, and as a table in a notebook; ``save(folder)`` writes the report.

    Raises
    ------
    ValueError
        If anything but layers is given, or none.  If there is no such profile, device or dtype, a pattern
        selects nothing, two layers share a name, a layer works in another dtype only, or it expects a check
        to fail that does not exist.  If a field of your own is none that a check can be asked on.
    TypeError
        If `select` is no text and no sequence of texts, or `seed` is no whole number.
    """
    from nodecheck.options.option import checked
    from nodecheck.runner.session import examine_here
    from nodecheck.targets.objects import given_layers

    found = examine_here(
        given_layers(layers),
        profile=checked("profile", profile),
        select=checked("select", select),
        seed=checked("seed", seed),
        device=checked("device", device),
        dtype=None if dtype is None else checked("dtype", dtype),
        problems=problems,
    )
    return ShownRun.of(found)


check = run


def load_run(path: Path | str) -> ShownRun:
    """Return the run stored at `path`: a run.json, a page, or the folder that holds them.

    Raises
    ------
    ValueError
        If the file holds no run of this schema version.
    OSError
        If there is no such file.
    """
    from nodecheck.report.files import RECORD
    from nodecheck.results import load_run as load

    place = Path(path)
    return ShownRun.of(load(place / RECORD if place.is_dir() else place))
