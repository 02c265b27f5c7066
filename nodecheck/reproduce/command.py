"""The script of a result: from the layer of its target to a text that was seen to fail."""

from __future__ import annotations

from nodecheck.numerics.constants import SCRIPT_LINES, SCRIPT_TRIAL_SECONDS
from nodecheck.reproduce.attempts import WITHOUT_SCRIPT
from nodecheck.reproduce.described import described
from nodecheck.reproduce.search import Search
from nodecheck.reproduce.source import LayerSource
from nodecheck.reproduce.trial import Laboratory, runs_alone
from nodecheck.results import LayerCard, Result
from nodecheck.targets.known_failures import confirmation


class NoScript(Exception):
    """No script shows the failure."""


class NotLoaded(Exception):
    """The layer cannot be loaded."""


def reproduced(result: Result, card: LayerCard, seconds: float) -> str:
    """Return a script that shows a failure without nodecheck, and that was seen to fail.

    Raises
    ------
    NoScript
        If there is none; the message says what was expected, what was found, and what to do.
    NotLoaded
        If the layer cannot be loaded.
    """
    advice = f"repeat it with `nodecheck replay RUN {result.id}`"
    if result.check in WITHOUT_SCRIPT:
        message = (
            f"expected a check that a script can show, got {result.check}, which needs nodecheck; {advice}"
        )
        raise NoScript(message)
    with Laboratory() as laboratory:
        source = _source(laboratory, card)
        text = Search(result, card, source, laboratory.run, seconds).script()
    text = text or _known(result, card)
    if not text:
        limits = f"of at most {SCRIPT_LINES} lines, in {seconds:g} s or less"
        message = f"expected a script that fails, got none {limits}; {advice}"
        raise NoScript(message)
    return text


def _known(result: Result, card: LayerCard) -> str:
    """Return the script of a known failure of a registered layer, if it still shows it; else ""."""
    text = confirmation(card.name_in_target, result.check) if result.expected else ""
    if not text or not runs_alone(text, SCRIPT_TRIAL_SECONDS):
        return ""
    return f"# A known failure: this ends without an error as long as it is there.\n{text}"


def _source(laboratory: Laboratory, card: LayerCard) -> LayerSource:
    """Return the lines of the layer, which is imported in the other process."""
    from pebble import ProcessExpired

    from nodecheck.targets.imports import TargetError, UsageError
    from nodecheck.targets.registry import MissingLibrary

    try:
        source: LayerSource = laboratory.call(described, card, seconds=3 * SCRIPT_TRIAL_SECONDS)
    except (LookupError, TargetError, UsageError, MissingLibrary, TimeoutError, ProcessExpired) as error:
        message = f"expected {card.target} to load, got {type(error).__name__}: {error}; mend the target"
        raise NotLoaded(message) from error
    return source
