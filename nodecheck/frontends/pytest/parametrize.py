"""`nodecheck.parametrize`: a test of one's own that runs once for each layer and check, in process."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from nodecheck.checks import CHECKS
from nodecheck.frontends.pytest.layer_check import checks_of
from nodecheck.layers import TorchLayer
from nodecheck.options.configuration_file import load_configuration
from nodecheck.options.expectations import expectations
from nodecheck.results import LayerCard
from nodecheck.runner.examine import Examination
from nodecheck.runner.measure import InProcess
from nodecheck.runner.plan import card_of, make_plan


def parametrize(
    layers: TorchLayer | Iterable[TorchLayer],
    *,
    profile: str = "ci",
    select: str = "*",
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
        Shell pattern; only checks whose id matches are run.
    seed
        Seed of everything that is drawn at random.

    Returns
    -------
    pytest.MarkDecorator
        Parametrises the argument ``check``, which is to be called without arguments: it fails, skips or is
        expected to fail as the layer does.

    Raises
    ------
    ValueError
        If the profile does not exist, nothing is selected, two layers share a name, or a layer expects a
        check to fail that does not exist.
    """
    layers = (layers,) if isinstance(layers, TorchLayer) else tuple(layers)
    cards = tuple(_card(layer) for layer in layers)
    plan = make_plan(cards, profile=profile, select=select, seed=seed)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(check, id=f"{check.label}-{check.check.id}")
            for layer, card in zip(layers, cards, strict=True)
            for check in checks_of(card, plan, functools.partial(_examination, layer, profile, seed))
        ],
    )


@functools.cache
def _examination(layer: TorchLayer, profile: str, seed: int) -> Examination:
    """Return the way of a layer through its checks, whose runs all tests in this process share."""
    card = _card(layer)
    plan = make_plan([card], profile=profile, select="*", seed=seed)
    return Examination(card, plan, InProcess([layer], plan.profile, seed))


def _card(layer: TorchLayer) -> LayerCard:
    """Return the claims of a layer, with what the configuration expects of it."""
    card = card_of(layer)
    ids = [check.id for check in CHECKS]
    configured = expectations(
        load_configuration(Path.cwd()), [card], date.today(), checks=ids, every_layer=False
    )
    return replace(card, expected_failures={**card.expected_failures, **configured.get(card.name, {})})
