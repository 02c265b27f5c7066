"""The layers of this library as nodecheck sees them."""

import nodecheck
from heunode import HeunLayer, points, steps


def _built_on(grid):
    return lambda dynamics, t0, t1, n_steps: HeunLayer(dynamics, grid(t0, t1, n_steps))


LAYERS = [
    nodecheck.TorchLayer("heunode", _built_on(steps), order=2, adjoint="discrete"),
    nodecheck.TorchLayer("heunode-grid", _built_on(points), order=2, adjoint="discrete"),
]
