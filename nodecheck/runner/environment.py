"""The environment of a run: everything that its numbers may depend on."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("torch", "numpy", "scipy", "hypothesis", "torchdiffeq", "torchode", "torchdyn", "jax", "diffrax")


def environment() -> dict[str, str]:
    """Return the environment of this process; imports torch."""
    import torch

    return {
        **_interpreter(),
        "torch threads": str(torch.get_num_threads()),
        "CUDA": _cuda_device(),
        **_packages(),
    }


def environment_without_torch() -> dict[str, str]:
    """Return the environment as far as it is known without torch: where no process has loaded a layer."""
    return {**_interpreter(), **_packages()}


def _cuda_device() -> str:
    import torch

    try:
        return torch.cuda.get_device_name() if torch.cuda.is_available() else "not available"
    except RuntimeError as error:  # a driver that does not fit, or a memory limit that is too low for it
        return f"not usable ({str(error).splitlines()[0]})"


def _interpreter() -> dict[str, str]:
    return {
        "Python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _packages() -> dict[str, str]:
    """Return the versions of the installed packages."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
