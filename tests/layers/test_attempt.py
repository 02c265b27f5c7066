"""An error of a layer is kept without what the layer had allocated."""

from __future__ import annotations

import gc
import weakref

from nodecheck.layers import Refusal, attempt


class Large:
    """Stands for the memory of a layer."""


def test_a_refusal_lets_go_of_what_the_layer_had_allocated():
    seen = []

    def refuses():
        large = Large()
        seen.append(weakref.ref(large))
        raise MemoryError

    found = attempt(refuses)
    gc.collect()
    assert isinstance(found, Refusal)
    assert seen[0]() is None


def test_a_refusal_still_knows_where_it_was_raised():
    def refuses():
        raise ValueError

    frames = []
    trace = attempt(refuses).error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert frames[-1] == "refuses"
