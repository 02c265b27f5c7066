"""The failed checks of a layer, gathered under the faults that explain them."""

from nodecheck.report.faults.gathering import Fault, faults

__all__ = ["Fault", "faults"]
