"""Right layers that promise complex numbers, in other ways than by autograd alone."""

from __future__ import annotations

import torch
from right_adjoints import march, pulled_back, trained, with_backward

from nodecheck.layers import TorchLayer


def flat_complex_adjoint(dynamics, t0, t1, n_steps):
    """Return a layer with one long complex vector, of which real parameters get the real parts."""

    def forward(y0):
        return march(dynamics, t0, t1, n_steps, y0), None

    def backward(y1, _kept, cotangent):
        like = (y1, cotangent, *trained(dynamics).values())
        sizes = [x.numel() for x in like]

        def parts(vector):
            return [x.view_as(z) for x, z in zip(vector.split(sizes), like, strict=True)]

        def field(t, state):
            y, a, *_ = parts(state)
            f, pulled = pulled_back(dynamics, t, y, a)
            return torch.cat([x.reshape(-1).to(y.dtype) for x in (f, *(-p for p in pulled))])

        integrals = (torch.zeros_like(p) for p in like[2:])
        start = torch.cat([x.reshape(-1).to(y1.dtype) for x in (y1, cotangent, *integrals)])
        end = parts(march(field, t1, t0, n_steps, start))
        return [x if z.is_complex() else x.real for x, z in zip(end, like, strict=True)][1:]

    return with_backward(forward, backward, dynamics)


def over_real_and_imaginary_parts(dynamics, t0, t1, n_steps):
    """Return a layer that works on real numbers alone: with an axis of two for complex ones."""

    def solve(y0):
        if not y0.is_complex():
            return march(dynamics, t0, t1, n_steps, y0)

        def field(t, parts):
            return torch.view_as_real(dynamics(t, torch.view_as_complex(parts)))

        return torch.view_as_complex(march(field, t0, t1, n_steps, torch.view_as_real(y0)))

    return solve


COMPLEX = (
    TorchLayer(
        "flat-complex-adjoint",
        flat_complex_adjoint,
        order=4,
        adjoint="continuous",
        memory="constant",
        supports={"complex"},
    ),
    TorchLayer(
        "over-real-and-imaginary-parts",
        over_real_and_imaginary_parts,
        order=4,
        adjoint="discrete",
        supports={"complex"},
    ),
)
