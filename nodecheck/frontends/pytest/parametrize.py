"""`nodecheck.parametrize`: a test of the user that runs once for each layer and check, in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from nodecheck.frontends.pytest.layer_check import checks_of
from nodecheck.layers import TorchLayer
from nodecheck.options.configuration_file import load_configuration
from nodecheck.options.expectations import with_expectations
from nodecheck.options.option import checked
from nodecheck.results import LayerCard
from nodecheck.runner.examine import Examination
from nodecheck.runner.measure import InProcess
from nodecheck.runner.plan import KNOWN_IDS, card_of, make_plan
from nodecheck.targets.objects import given_layers


def parametrize(
    layers: TorchLayer | Iterable[TorchLayer],
    *,
    profile: str = "ci",
    select: str | Sequence[str] = "*",
    seed: int = 0,
) -> pytest.MarkDecorator:
    """Let a test run once for each layer and check.

    ::

        @nodecheck.parametrize(mine)
        def test_my_layer(check):
            check()

    The layers are examined in this process: one that hangs or crashes the interpreter takes pytest with it.
    ``pytest --nodecheck TARGET`` does not have that weakness, and wants layers that can be imported.

    Parameters
    ----------
    layers
        One layer or several, with different names.
    profile
        "smoke", "ci" or "full".
    select
        Shell pattern, or several; only checks whose id matches are run, and those that they need.
    seed
        Seed of all random numbers.

    Returns
    -------
    pytest.MarkDecorator
        Parametrises the argument ``check``, which is to be called without arguments: it fails, skips or is
        expected to fail as the layer does.

    Raises
    ------
    ValueError
        If the profile does not exist, a pattern selects nothing, two layers share a name, or a layer expects
        a check to fail that does not exist.  If anything but layers is given, or none.
    TypeError
        If `select` is no text and no sequence of texts, or `seed` is no whole number.
    """
    layers = given_layers(layers)
    cards = tuple(_card(layer) for layer in layers)
    plan = make_plan(
        cards,
        profile=checked("profile", profile),
        select=checked("select", select),
        seed=checked("seed", seed),
    )
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(check, id=f"{check.label}-{check.check.id}")
            for layer, card in zip(layers, plan.cards, strict=True)
            for check in checks_of(card, plan, functools.partial(_examination, layer, profile, seed))
        ],
    )


@functools.cache
def _examination(layer: TorchLayer, profile: str, seed: int) -> Examination:
    """Return the examination of a layer, whose solutions all tests in this process share."""
    plan = make_plan([_card(layer)], profile=profile, select="*", seed=seed)
    return Examination(plan.cards[0], plan, InProcess([layer], plan.profile, seed))


def _card(layer: TorchLayer) -> LayerCard:
    """Return the claims of a layer, with the expected failures of the configuration."""
    configuration = load_configuration(Path.cwd())
    (card,) = with_expectations([card_of(layer)], configuration, checks=KNOWN_IDS, every_layer=False)
    return card
