"""Causes of a wrong gradient."""

from nodecheck.diagnosis.gradient.explain import explain_gradient
from nodecheck.diagnosis.gradient.observation import Observation

__all__ = ["Observation", "explain_gradient"]
