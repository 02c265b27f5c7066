"""The lines of registered layers are the layers: they give the same numbers, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nodecheck.problems import neural
from nodecheck.reproduce.libraries import registered
from nodecheck.targets.registry import MissingLibrary, registered_layers, registered_names


def layers_with_lines():
    """Yield the registered layers of the libraries that are here, with their lines."""
    for name in registered_names():
        try:
            layers = registered_layers(name)
        except MissingLibrary:
            continue
        for layer in layers:
            source = registered(layer.name)
            if source is not None and "ieuler" not in layer.name:
                yield pytest.param(layer, source, id=layer.name)


class Field(nn.Module):
    """A field of two components that takes t of any shape."""

    def __init__(self):
        super().__init__()
        self.A = nn.Parameter(torch.tensor([[-0.5, 1.0], [-0.25, -0.75]], dtype=torch.float64))

    def forward(self, t, y):
        """Return f(t, y)."""
        return torch.tanh(torch.as_tensor(t).to(y).reshape(-1, 1) * (y @ self.A.T))


@pytest.mark.filterwarnings("ignore:Functional iteration did not converge")
@pytest.mark.parametrize(("layer", "source"), list(layers_with_lines()))
def test_the_lines_of_a_registered_layer_give_its_numbers(layer, source):
    names: dict = {"torch": torch}
    exec("\n".join(source.lines), names)
    f, y0 = Field(), torch.tensor([[0.5, -1.0], [1.0, 0.25]], dtype=torch.float64)
    ts = torch.tensor([neural.t0, neural.t1], dtype=torch.float64)
    times = (ts,) if layer.output_times else (neural.t0, neural.t1)
    resolution = (1e-6,) * len(source.names) if layer.adaptive else (8,)
    found, expected = (b(f, *times, *resolution)(y0) for b in (names["build"], layer.build))
    assert (found - expected).abs().max() <= 1e-14


def test_the_form_of_the_lines_is_that_of_the_layer():
    for case in layers_with_lines():
        layer, source = case.values
        assert (source.output_times, source.names) == (layer.output_times, layer.form.names)


def test_a_layer_with_further_options_has_no_lines():
    assert registered("torchdiffeq-odeint_adjoint-dopri5-seminorm") is None
