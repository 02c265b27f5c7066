"""From a wrong number to a named cause: hypotheses are matched, and never asserted without their residual."""

from nodecheck.diagnosis.elapsed import Elapsed, explain_elapsed
from nodecheck.diagnosis.gradient import explain_gradient
from nodecheck.diagnosis.observation import Observation

__all__ = ["Elapsed", "Observation", "explain_elapsed", "explain_gradient"]
