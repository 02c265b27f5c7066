"""The PyTorch backend: which module carries out which solve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch

from nodecheck.backends.torch.changes import solve_watched
from nodecheck.backends.torch.compiled import COMPILED, use_compiled
from nodecheck.backends.torch.complex_state import COMPLEX_USES, use_complex
from nodecheck.backends.torch.computed import COMPUTED, use_computed
from nodecheck.backends.torch.device.uses import DEVICE_USES
from nodecheck.backends.torch.log_det import solve_with_log_det
from nodecheck.backends.torch.memory.instrumented import INSTRUMENTS, solve_with_instruments
from nodecheck.backends.torch.modules import MODULES, use_module
from nodecheck.backends.torch.output_uses import OUTPUT_USES, use_output
from nodecheck.backends.torch.own import OwnLayer, own_layer, solve_side_by_side
from nodecheck.backends.torch.pair_uses import PAIR_USES, use_part
from nodecheck.backends.torch.passes import solve_plainly
from nodecheck.backends.torch.penalties import PENALTIES, solve_with_penalty
from nodecheck.backends.torch.reuse import REUSES
from nodecheck.backends.torch.settings import isolated
from nodecheck.backends.torch.supported import require_compatible, require_supported
from nodecheck.backends.torch.transforms import TRANSFORMS, use_transform
from nodecheck.backends.torch.trial import try_layer
from nodecheck.backends.torch.uses import USES, use
from nodecheck.layers import PLAIN, Adjoint, Array, Refusal, Solution, Solve, TorchLayer, Trial
from nodecheck.layers.layer import MEMBER_TIMES
from nodecheck.numerics.tableau import ButcherTableau

_Run = Callable[[TorchLayer, Solve, Sequence[Array]], Solution]
_VARIATIONS: Mapping[str, _Run] = {
    "plain": solve_plainly,
    MEMBER_TIMES: solve_plainly,
    **dict.fromkeys(USES, use),
    **dict.fromkeys(MODULES, use_module),
    **dict.fromkeys(PAIR_USES, use_part),
    **dict.fromkeys(OUTPUT_USES, use_output),
    **dict.fromkeys(TRANSFORMS, use_transform),
    **dict.fromkeys(COMPUTED, use_computed),
    **dict.fromkeys(COMPLEX_USES, use_complex),
    **dict.fromkeys(COMPILED, use_compiled),
    **dict.fromkeys(PENALTIES, solve_with_penalty),
    **REUSES,
    **DEVICE_USES,
}
# Fields of a solve that are carried out, beside the problem and the resolution.
_PLAIN = frozenset({"wrt", "dtype", "device", "limit", "atol"})
_WITH_LOG_DET = _PLAIN | {"log_det", "seed"}
_IN_VARIATIONS = frozenset({"variation", "dtype", "device"})
_CARRIED: Mapping[str, frozenset[str]] = {
    "plain": _PLAIN,
    MEMBER_TIMES: _PLAIN | _IN_VARIATIONS,
    **dict.fromkeys(
        (*USES, *MODULES, *PAIR_USES, *OUTPUT_USES, *TRANSFORMS, *COMPUTED, *COMPLEX_USES, *COMPILED),
        _IN_VARIATIONS | {"limit"},
    ),
    **dict.fromkeys(PENALTIES, _PLAIN | _IN_VARIATIONS),
    **dict.fromkeys(REUSES, _IN_VARIATIONS),
    **dict.fromkeys(DEVICE_USES, _PLAIN | _IN_VARIATIONS),
}
_WITH_INSTRUMENTS = frozenset({"dtype", "device"})
# The words of torch on a CPU, on Linux and elsewhere; on a GPU the error has a type of its own.
_NO_MEMORY = ("can't allocate memory", "not enough memory")


class TorchBackend:
    """Runs layers that are written in PyTorch; see `nodecheck.layers.Backend`."""

    capabilities = frozenset((*_VARIATIONS, *INSTRUMENTS, "changes"))

    def solve(
        self,
        layer: TorchLayer,
        solve: Solve,
        cotangents: Sequence[Array] = (),
        *,
        instruments: Sequence[str] = (),
    ) -> Solution:
        """Build the layer anew, use it as `solve` says, and return records of NumPy arrays."""
        require_compatible(instruments)
        run, carried = _VARIATIONS[solve.variation.name], _CARRIED[solve.variation.name]
        if "changes" in instruments:
            run, carried = solve_watched, _PLAIN
        elif instruments:
            run, carried = partial(solve_with_instruments, instruments=instruments), _WITH_INSTRUMENTS
        elif solve.log_det:
            run, carried = solve_with_log_det, _WITH_LOG_DET
        elif isinstance(layer, OwnLayer) and cotangents and solve.wrt is None and solve.variation == PLAIN:
            run, carried = solve_side_by_side, frozenset({"dtype"})
        require_supported(solve, carried)
        return run(layer, solve, cotangents)

    def trial(self, layer: TorchLayer, solve: Solve) -> Trial:
        """Return any output for y0, an error too."""
        return try_layer(layer, solve)

    def own_layer(self, tableau: ButcherTableau, adjoint: Adjoint) -> TorchLayer:
        """Return nodecheck's own layer with a Runge-Kutta method, as a control."""
        return own_layer(tableau, adjoint)

    def isolated(self, seed: int) -> AbstractContextManager[None]:
        """Return a context that seeds PyTorch, and restores its global state at the end."""
        return isolated(seed)

    def out_of_memory(self, refusal: Refusal) -> bool:
        """Return True if an error says that memory ran out."""
        error = refusal.error
        if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
            return True
        return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


BACKEND = TorchBackend()
