"""The gate of an audit: fields that are no functions, or that autograd differentiates wrongly."""

from __future__ import annotations

import pytest
import torch
from models import Convolution, Flow, Tanh, Timed, batch, loss, made, ours
from torch import nn

from nodecheck.own_model.audit import Audit, task_of
from nodecheck.own_model.conduct import conduct
from nodecheck.own_model.gate import examine_field, examine_field_in_float64
from nodecheck.results.audit import Outcome

TIMES = torch.tensor([0.0, 1.0])


class Wrapped(nn.Module):
    """A field whose slope is changed."""

    def __init__(self, change):
        super().__init__()
        self.net, self.change = Tanh(), change

    def forward(self, t, y):
        return self.change(self, y)


def dropped(field, y):
    return nn.functional.dropout(field.net(0.0, y), 0.5)


def detached_bias(field, y):
    first, _, last = field.net.net
    return last(torch.tanh(nn.functional.linear(y, first.weight, first.bias.detach())))


def detached_state(field, y):
    return field.net(0.0, y) + y.detach() ** 2


def in_float32(field, y):
    return field.net(0.0, y.float().double().to(y)) if y.dtype == torch.float64 else field.net(0.0, y)


def returns_float32(field, y):
    return field.net(0.0, y).float()


WEIGHT = torch.eye(2, requires_grad=True)


def captured(field, y):
    return field.net(0.0, y) + y @ WEIGHT.to(y)


def findings(dynamics):
    audit = Audit("mine", ours(n_steps=5), dynamics, batch(dynamics), TIMES, loss)
    found = examine_field(task_of(audit))
    blocked = any(finding.blocks for finding in found)
    return found if blocked else [*found, *examine_field_in_float64(task_of(audit, torch.float64))]


@pytest.mark.parametrize("model", [Tanh, Timed, Convolution, Flow])
def test_nothing_is_found_of_a_right_field(model):
    assert findings(made(model)) == []


@pytest.mark.parametrize(
    ("change", "kind", "blocks"),
    [
        (dropped, "not a function", True),
        (detached_bias, "gradient of the field", True),
        (detached_state, "gradient of the field", True),
        (in_float32, "float32 inside", False),
        (returns_float32, "no float64", True),
        (captured, "captured tensor", True),
    ],
)
def test_a_field_with_a_fault_is_found(change, kind, blocks):
    torch.manual_seed(0)
    found = findings(Wrapped(change))
    assert [finding.kind for finding in found] == [kind]
    assert found[0].blocks is blocks


def test_a_detached_parameter_is_named_with_both_numbers():
    torch.manual_seed(0)
    (found,) = findings(Wrapped(detached_bias))
    assert "net.net.0.bias autograd gives 0, difference quotients" in found.text


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.net = nn.BatchNorm1d(2), Tanh()

    def forward(self, t, y):
        return self.net(t, self.norm(y))


def test_batch_norm_in_train_mode_changes_state_and_couples_members():
    torch.manual_seed(0)
    assert [finding.kind for finding in findings(Normalised())] == ["state changes", "members are coupled"]


def test_batch_norm_in_eval_mode_is_a_function_of_each_member():
    torch.manual_seed(0)
    assert findings(Normalised().eval()) == []


@pytest.mark.parametrize(
    ("change", "outcome"),
    [(dropped, Outcome.NOT_AUDITED), (detached_bias, Outcome.BUG), (captured, Outcome.BUG)],
)
def test_what_blocks_an_audit_is_its_conclusion(change, outcome):
    torch.manual_seed(0)
    dynamics = Wrapped(change)
    record = conduct(Audit("mine", ours(n_steps=5), dynamics, batch(dynamics), TIMES, loss))
    assert record.outcome is outcome
    assert record.reason


def test_a_frozen_random_field_is_no_captured_tensor():
    assert findings(made(Flow)) == []


class Controlled(nn.Module):
    """The matrix of a controlled equation: it is to be multiplied by dX/dt."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y)[..., None] * torch.ones(3).to(y)


def test_a_slope_of_another_shape_than_the_state_is_told():
    (found,) = findings(made(Controlled))
    assert found.kind == "another shape"
    assert found.blocks
    assert "returns (5, 2, 3), and y is (5, 2)" in found.text


def test_a_slope_of_one_tensor_for_two_is_of_another_shape():
    class Half(Flow):
        def forward(self, t, state):
            return super().forward(t, state)[0]

    assert [finding.kind for finding in findings(made(Half))] == ["another shape"]


class ClockInFloat32(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y) + torch.sin(torch.as_tensor(t).float() * 1.7).to(y)


def test_a_time_that_is_cast_to_float32_is_found():
    torch.manual_seed(0)
    assert [finding.kind for finding in findings(ClockInFloat32())] == ["float32 inside"]
