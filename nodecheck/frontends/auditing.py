"""`nodecheck.audit`: the error of a gradient, as a value that shows itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from nodecheck.own_model.audit import Audit, Loss, Solve
from nodecheck.own_model.conduct import conduct
from nodecheck.own_model.states import State
from nodecheck.results.audit import AuditRecord, Outcome
from nodecheck.results.percentages import fraction

__all__ = ["AuditReport", "audit"]


@dataclass(frozen=True)
class AuditReport:
    """The outcome of an audit: prints as text, shows itself in a notebook, saves its page.

    Attributes
    ----------
    record : AuditRecord
        All numbers.
    """

    record: AuditRecord

    @property
    def outcome(self) -> Outcome:
        """The conclusion."""
        return self.record.outcome

    @property
    def error(self) -> float:
        """The relative error of the gradient; NaN where it is not known."""
        return self.record.error

    def save(self, folder: Path | str) -> Path:
        """Write `audit.json` and `index.html` into a folder, which is made; return the path of the page."""
        from nodecheck.report.audit_page import render_audit

        page = self.record.save(folder).with_name("index.html")
        page.write_text(render_audit(self.record), encoding="utf-8")
        return page

    def __str__(self) -> str:
        from nodecheck.report.audit_text import audit_text

        return audit_text(self.record)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from nodecheck.report.audit_page import audit_body

        return audit_body(self.record)


def audit(
    solve: Solve,
    dynamics: nn.Module,
    y0: State,
    t: Tensor,
    *,
    loss: Loss | None = None,
    target: float | str = 0.01,
    refine: Callable[[int], Solve] | None = None,
    name: str = "model",
) -> AuditReport:
    """Return how exact the gradient of a training step is, with the causes of its error.

    Parameters
    ----------
    solve, dynamics, y0, t, loss, target, refine, name
        As for `nodecheck.Audit`, which says what they are.

    Returns
    -------
    AuditReport
        Prints as text; ``save(folder)`` writes the page.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind described there, or if `solve` does not call its dynamics.

    Examples
    --------
    >>> class Field(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.net = torch.nn.Linear(2, 2)
    ...     def forward(self, t, y):
    ...         return torch.tanh(self.net(y))
    >>> def solve(dynamics, y0, t):
    ...     return nodecheck.ODELayer(dynamics, 0.0, 1.0, 50, solver="rk4")(y0)
    >>> nodecheck.audit(solve, Field(), torch.randn(8, 2), torch.tensor([0.0, 1.0])).outcome.value
    'within the target'
    """
    return AuditReport(conduct(Audit(name, solve, dynamics, y0, t, loss, fraction(target, "target"), refine)))
