"""The functions of `nodecheck.adapt` in a few lines each, for scripts that do without nodecheck."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _view(name: str, arguments: str, value: str) -> tuple[str, ...]:
    return (
        f"class {name}(torch.nn.Module):",
        f"    def __init__(self, f{', *more' if name == 'over_unit_interval' else ''}):",
        "        super().__init__()",
        "        self.f = f" + ("; self.t0, self.T = more[0], more[1] - more[0]" if "unit" in name else ""),
        f"    def forward(self, {arguments}): return {value}",
    )


_GRID = "torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)"
READINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "last": ("last = staticmethod(lambda states, time_axis: states.select(time_axis, -1))",),
        "part": ("part = staticmethod(lambda output, index: output[index])",),
        "step_size": ("step_size = staticmethod(lambda t0, t1, n_steps: abs(t1 - t0) / n_steps)",),
        "grid": (
            f"grid = staticmethod(lambda t0, t1, n_steps, like=None: {_GRID}.to("
            "torch.empty(0, dtype=torch.float64) if like is None else like))",
        ),
        "swapped": _view("swapped", "y, t, *more", "self.f(t, y, *more)"),
        "autonomous": _view(
            "autonomous",
            "z",
            "torch.cat([self.f(z[..., -1], z[..., :-1]), torch.ones_like(z[..., -1:])], -1)",
        ),
        "append_time": (
            "append_time = staticmethod(lambda y, t0: torch.cat([y, torch.full_like(y[..., :1], t0)], -1))",
        ),
        "drop_time": ("drop_time = staticmethod(lambda z: z[..., :-1])",),
        "over_unit_interval": _view("over_unit_interval", "s, y", "self.T * self.f(self.t0 + s * self.T, y)"),
    }
)
