"""The devices of a run: which are meant, which are there, and the layers on each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.results import LayerCard

CPU, CUDA, BOTH = "cpu", "cuda", "both"
# A fact in the environment of a run: the name of the device, or a phrase that begins with "not".
DEVICE_FACT = "CUDA"
NOT_MEASURED = (
    "not measured on this machine: torch finds no CUDA device; where there is one, --device cuda does it"
)


def devices_of(device: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the devices on which layers run.

    Parameters
    ----------
    device
        "cpu", "cuda", or "both", which means the CPU alone where there is no other device.
    environment
        Facts about the process that loaded the targets.

    Raises
    ------
    ValueError
        If a CUDA device is asked for and torch can use none.
    """
    missing = is_missing(environment)
    if device == CUDA and missing:
        message = (
            "--device cuda expects a CUDA device, got none that torch can use; measure with --device cpu"
        )
        raise ValueError(message)
    if device == BOTH:
        return (CPU,) if missing else (CPU, CUDA)
    return (device,)


def is_missing(environment: Mapping[str, str]) -> bool:
    """Return True if torch can use no CUDA device there."""
    return environment.get(DEVICE_FACT, "not available").startswith("not ")


def on_devices(cards: Iterable[LayerCard], devices: Sequence[str]) -> tuple[LayerCard, ...]:
    """Return each layer once for each device, one beside the other.

    On one device alone a layer keeps its name, so that runs on different devices can be compared.  On two,
    that on the second has another name, by which its results are filed: "name@cuda".
    """
    return tuple(_on(card, device, alone=len(devices) == 1) for card in cards for device in devices)


def _on(card: LayerCard, device: str, *, alone: bool) -> LayerCard:
    if alone or device == CPU:
        return replace(card, device=device)
    return replace(card, device=device, name=f"{card.name}@{device}", source=card.name)


def not_measured(device: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence if both devices are meant and only one is there."""
    if device == BOTH and is_missing(environment):
        yield f"CUDA was {NOT_MEASURED}."
