"""The record of an audit: plain data, from which every report of it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

__all__ = ["AuditRecord", "Finding", "Outcome", "Part", "Setting", "TensorError", "load_audit"]

# JSON has no NaN or infinity.
_NON_FINITE_AS_STRINGS = {"ser_json_inf_nan": "strings"}


class Outcome(Enum):
    """The conclusion of an audit."""

    WITHIN_TARGET = "within the target"
    TOLERANCE = "too inexact: settings"
    BUG = "wrong: a bug"
    NOT_AUDITED = "not audited"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Finding:
    """A fact about the field that matters for its gradient.

    Attributes
    ----------
    kind : str
        A short name.
    text : str
        The fact, with its number.
    advice : str
        What it means and what to do.
    blocks : bool
        True if no exact gradient can be computed because of it.
    wrong : bool
        True if the gradient is wrong because of it.
    """

    kind: str
    text: str
    advice: str
    blocks: bool
    wrong: bool = False


@dataclass(frozen=True)
class Part:
    """One cause of the error: its size relative to the exact gradient, and its signed share of the error."""

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    cause: str
    size: float
    share: float


@dataclass(frozen=True)
class TensorError:
    """The error of the gradient of one tensor; parts are relative to its exact gradient's norm."""

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    name: str
    norm: float
    error: float
    cosine: float
    parts: Mapping[str, float]
    missing: bool


@dataclass(frozen=True)
class Setting:
    """A setting of a solver, with the error of the gradient that it gives and its cost.

    Attributes
    ----------
    kind : str
        What was set: "yours, refined", "adaptive steps, backprop" and so on.
    name : str
        The setting.
    error : float
        Relative error of the gradient.
    evaluations : int
        Evaluations of the dynamics in both passes.
    seconds : float
        Time of both passes.
    """

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    kind: str
    name: str
    error: float
    evaluations: int
    seconds: float


@dataclass(frozen=True)
class AuditRecord:
    """Everything that an audit found.

    Attributes
    ----------
    name : str
        The name of the model.
    target : float
        The relative error that is acceptable.
    outcome : Outcome
        The conclusion.
    reason : str
        Why it could not conclude, or "".
    error, uncertainty, cosine : float
        The relative error of the gradient as trained, by how much this number may be off, and the cosine of
        the angle to the exact gradient.  NaN where unknown.
    findings : tuple of Finding
        What the gate found.
    parts : tuple of Part
        The error by cause; as vectors they add up to it.
    tensors : tuple of TensorError
        The error by tensor.
    refinement : tuple of (int, float)
        The error at ever finer settings of the user's own solver.
    settings : tuple of Setting
        Other settings beside the user's, which is the first.
    reference : mapping
        How the exact gradient was computed.
    facts : mapping
        Further numbers, by name.
    seconds : float
        The time that the audit took.
    environment : mapping
        Versions.
    """

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    name: str
    target: float
    outcome: Outcome
    reason: str = ""
    error: float = math.nan
    uncertainty: float = math.nan
    cosine: float = math.nan
    findings: tuple[Finding, ...] = ()
    parts: tuple[Part, ...] = ()
    tensors: tuple[TensorError, ...] = ()
    refinement: tuple[tuple[int, float], ...] = ()
    settings: tuple[Setting, ...] = ()
    reference: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """1 if the gradient is wrong or too inexact, 0 otherwise."""
        return int(self.outcome in (Outcome.BUG, Outcome.TOLERANCE))

    @property
    def undecided(self) -> bool:
        """True if there is no verdict."""
        return self.outcome in (Outcome.NOT_AUDITED, Outcome.INCONCLUSIVE)

    def to_json(self) -> bytes:
        """Return the record as UTF-8 JSON; numbers that are not finite are strings."""
        from pydantic import TypeAdapter

        return TypeAdapter(AuditRecord).dump_json(self, indent=1)

    def save(self, folder: Path | str) -> Path:
        """Write `audit.json` into a folder, which is made; return its path."""
        path = Path(folder) / "audit.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.to_json())
        return path


def load_audit(path: Path | str) -> AuditRecord:
    """Return the record in a file, or in the folder of `audit.json`.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it holds no audit.
    """
    from pydantic import TypeAdapter

    file = Path(path)
    file = file / "audit.json" if file.is_dir() else file
    try:
        return TypeAdapter(AuditRecord).validate_json(file.read_bytes())
    except ValueError as error:
        message = f"expected the audit.json of `nodecheck audit` at {file}, got something else; name it"
        raise ValueError(message) from error
