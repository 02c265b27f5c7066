"""The layer as lines of a script: its imports, and a `build` with the names of its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STATE, PAIR, LOG_DET = "state", "pair", "log-det"


@dataclass(frozen=True)
class LayerSource:
    """The lines that define `build`, and the form of what it returns.

    Attributes
    ----------
    lines
        Imports, then the definition of `build`.
    output_times
        True if build takes ts in place of t0 and t1.
    names
        Names of its arguments for the resolution.
    output
        "state", "pair" or "log-det".
    second_order, separable
        True if the dynamics is a(t, q, v), or a(t, q) alone.
    even
        True if the state needs an even number of components.
    note
        A remark on what the lines need beside torch and the layer; "" if nothing.
    """

    lines: tuple[str, ...]
    output_times: bool = False
    names: tuple[str, ...] = ("n_steps",)
    output: str = STATE
    second_order: bool = False
    separable: bool = False
    even: bool = False
    note: str = ""

    @property
    def adaptive(self) -> bool:
        """True if the resolution is a tolerance."""
        return self.names != ("n_steps",)

    @property
    def variable(self) -> str:
        """The name of the resolution in a script."""
        return "tol" if self.adaptive else "n"

    @property
    def fewest(self) -> int:
        """The least number of components; multiples of it are possible."""
        return 2 if self.even or self.second_order or self.output == PAIR else 1

    def built(self, resolution: str, *, t0: str = "t0", t1: str = "t1", stacked: bool = False) -> str:
        """Return the expression of the layer between two times; `stacked` ones are tensors with an axis."""
        ts = (
            f"torch.stack([{t0}, {t1}], 1)" if stacked else f"torch.tensor([{t0}, {t1}], dtype=torch.float64)"
        )
        return self._build(ts if self.output_times else f"{t0}, {t1}", resolution)

    def y1(self, resolution: str, y0: str = "y0", **times: Any) -> str:
        """Return the expression of the final state; for `times` see `built`."""
        return self.y1_of(self.built(resolution, **times), y0)

    def y1_of(self, layer: str, y0: str) -> str:
        """Return the expression of the final state of a layer that is built."""
        return self._read(f"{layer}({self._state(y0)})", "[-1]" if self.output_times else "")

    def ys(self, resolution: str, ts: str = "ts") -> str:
        """Return the expression of the states at output times."""
        return self._read(f"{self._build(ts, resolution)}({self._state('y0')})", "")

    def y1_of_times(self, resolution: str) -> str:
        """Return the expression of the final state for times t0 and t1 that are tensors without axes."""
        times = "torch.stack([t0, t1])" if self.output_times else "t0, t1"
        return self.y1_of(self._build(times, resolution), "y0")

    def log_det(self, resolution: str) -> str:
        """Return the expression of the log-determinant at the end."""
        return f"{self.built(resolution)}(y0)[1]" + ("[-1]" if self.output_times else "")

    def _build(self, times: str, resolution: str) -> str:
        return f"build(f, {times}, {', '.join([resolution] * len(self.names))})"

    def _state(self, y0: str) -> str:
        return f"({y0}[:, :1], {y0}[:, 1:])" if self.output == PAIR else y0

    def _read(self, call: str, last: str) -> str:
        if self.output == PAIR:
            return f"torch.cat({call}, -1){last}"
        return f"{call}[0]{last}" if self.output == LOG_DET else f"{call}{last}"
