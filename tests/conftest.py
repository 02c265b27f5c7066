"""Shared by all tests: one thread, and a reason where CUDA tests are skipped for want of a device."""

import os

import pytest

# On problems this small, threads only wait for each other; read when torch and NumPy are loaded, after this.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no CUDA device on this machine")
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(skip)
