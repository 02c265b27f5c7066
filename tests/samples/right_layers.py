"""Right layers in unusual styles: no check may fail one of them.

A target: tests/samples/right_layers.py:LAYERS.
"""

from __future__ import annotations

from right_adaptive import ADAPTIVE
from right_adjoints import ADJOINTS
from right_complex import COMPLEX
from right_flows import FLOWS
from right_loops import LOOPS
from right_mechanics import MECHANICS
from right_members import MEMBERS
from right_multistep import MULTISTEP
from right_pairs import PAIRS
from right_times import TIMES
from right_uses import USES

LAYERS = (
    *LOOPS,
    *MULTISTEP,
    *ADJOINTS,
    *USES,
    *ADAPTIVE,
    *TIMES,
    *MEMBERS,
    *FLOWS,
    *PAIRS,
    *MECHANICS,
    *COMPLEX,
)
