"""The settings of a run: the value of every option, after the configuration and the defaults are applied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodecheck._version import __version__
from nodecheck.options.configuration import Configuration
from nodecheck.options.devices import CPU
from nodecheck.options.layer_names import restricted
from nodecheck.options.option import resolve
from nodecheck.options.output_folder import default_folder

_GIBIBYTE = 2**30
_MOST_JOBS = 4  # each takes a few hundred megabytes, and up to a gigabyte at the end of a memory ladder


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes
    ----------
    targets
        The targets, those that are restricted to some layers in the form ``TARGET::GLOB``.
    layers
        The shell patterns of the option `layer`, which are already those of the targets.
    problems
        The targets of problems of the user's own, on which alone checks are run; empty: none.
    profile, select, seed
        The checks that run on the layers; `select` are shell patterns.
    device
        The device on which layers run: "cpu", "cuda" or "both".
    dtype
        The dtype in which layers run; None: float64, or the only one that a layer works in.
    output
        Folder of all files; None: not given.
    jobs
        Number of processes that measure at a time.
    memory_limit
        Bytes that the process of one layer may allocate.
    time_limit
        Seconds of one check; None: the limit of the profile.
    strict
        True if a layer that could not be verified counts as wrong.
    configuration
        The configuration, for its expected failures.
    every_layer
        True if the targets include all those of the configuration.
    """

    targets: tuple[str, ...]
    layers: tuple[str, ...]
    profile: str
    select: tuple[str, ...]
    seed: int
    device: str
    dtype: str | None
    output: Path | None
    jobs: int
    memory_limit: int
    time_limit: float | None
    strict: bool
    configuration: Configuration
    every_layer: bool
    problems: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The output folder; by default one that is named after the targets."""
        return self.output or default_folder(self.targets)

    @property
    def identity(self) -> dict[str, Any]:
        """The values that two runs must share for one to resume the other."""
        return {
            "targets": list(self.targets),
            "profile": self.profile,
            "select": list(self.select),
            "seed": self.seed,
            "device": self.device,
            "dtype": self.dtype,
            "problems": list(self.problems),
            "version": __version__,
        }


def resolve_settings(
    targets: Sequence[str],
    given: Mapping[str, Any],
    configuration: Configuration,
    *,
    every_layer: bool,
    jobs: int | None = None,
) -> Settings:
    """Return the settings of a run.

    Parameters
    ----------
    targets
        The targets of the run.
    given
        Options by key, as the user gave them; one that is missing or None was not given.
    configuration
        Values of options that were not given.
    every_layer
        True if the targets include all those of the configuration.
    jobs
        Number of processes at a time where something else decides it; None: the option `jobs`.

    Raises
    ------
    ValueError
        If a target ends in ``::``, without a pattern.
    """

    def value(name: str) -> Any:
        return resolve(name, given.get(name.replace("-", "_")), configuration.options)

    output = value("output")
    jobs = jobs or value("jobs") or min(_MOST_JOBS, _cores())
    return Settings(
        targets=restricted(targets, value("layer")),
        layers=value("layer"),
        profile=value("profile"),
        select=value("select"),
        seed=value("seed"),
        device=value("device") or CPU,
        dtype=value("dtype"),
        output=None if output is None else Path(output),
        jobs=jobs,
        memory_limit=in_bytes(value("memory-limit"), jobs),
        time_limit=value("time-limit"),
        strict=value("strict"),
        configuration=configuration,
        every_layer=every_layer,
        problems=tuple(dict.fromkeys(value("problem"))),
    )


def in_bytes(gibibytes: float | None, jobs: int = 1) -> int:
    """Return the memory limit of one layer; by default `jobs` layers share half of the machine's memory."""
    import psutil

    return int(gibibytes * _GIBIBYTE) if gibibytes else int(psutil.virtual_memory().total) // 2 // jobs


def _cores() -> int:
    """Return the number of cores that this process may use, where the system tells it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
