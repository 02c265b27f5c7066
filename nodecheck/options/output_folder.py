"""The output folder of a run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

_REPORTS = Path("reports")
_LONGEST_NAME = 80  # characters


def default_folder(targets: Sequence[str], suffix: str = "") -> Path:
    """Return the folder that is named after the letters and digits of the targets."""
    words = ["-".join(re.findall(r"\w+", Path(target).name)) for target in targets]
    return _REPORTS / (("+".join(words) or "run")[:_LONGEST_NAME] + suffix)


def make_folder(folder: Path) -> None:
    """Create the output folder, before anything is measured that could be lost.

    Raises
    ------
    ValueError
        If there can be no such folder, or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        message = (
            f"--output must be a folder that can be written, got {folder} ({error.strerror}); name another"
        )
        raise ValueError(message) from error
