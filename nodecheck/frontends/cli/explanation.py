"""The page of a check and that of a theme, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from nodecheck.checks import ALIASES, CHECKS, Check
from nodecheck.checks.themes import Theme, themes, themes_of
from nodecheck.options.layer_names import nearest

_BOUNDS = {
    "identity": "an identity, held to a multiple of eps and of the operation count",
    "order": "a rate over a refinement ladder or a tolerance sweep",
    "resource": "a growth law, fitted over the number of steps",
    "contract": "a count of violations, held to zero",
}
_ASKED_OF = {
    "times": 'layers with output times, and layers with "time-gradients" in `supports`',
    "member-times": 'layers with "member-times" in `supports`',
    "device": "layers on a CUDA device (--device cuda)",
}
_WIDTH = 100  # columns of a page


def page(name: str) -> str:
    """Return the page of a check or of a theme.

    An id that was given up has the pages of the checks that took its place.  A theme may be written as it
    stands in the scorecard, with a capital.

    Raises
    ------
    KeyError
        If there is neither; the message names the nearest.
    """
    checks = {check.id: check for check in CHECKS}
    theme = themes().get(name.lower())
    if name in ALIASES:
        current = list(dict.fromkeys(new.partition(":")[0] for new in ALIASES[name]))
        found = f"{name} is part of {' and '.join(current)} now."
        return "\n\n".join((found, *map(page, current)))
    if name in checks:
        return "\n\n".join(_of_check(checks[name]))
    if theme is not None:
        return "\n\n".join(_of_theme(theme))
    near = nearest(name.lower(), (*checks, *ALIASES, *themes()))
    hint = near or "`nodecheck list checks` and `nodecheck list themes` name them"
    message = f"expected the id of a check or the name of a theme, got {name!r}; {hint}"
    raise KeyError(message)


def _heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def _of_check(check: Check) -> Iterator[str]:
    yield _heading(check.id)
    yield check.page
    yield f"Passes as: {check.title}.\nFails as:  {check.failure_title}."
    asked_of = _ASKED_OF.get(check.asked_of, f"{check.asked_of} layers")
    names = themes_of(check)
    yield (
        f"Bound: {_BOUNDS[check.kind]}.\nApplies to: {asked_of}.\n"
        f"Themes: {', '.join(names)}; `nodecheck explain {names[-1]}` has usual causes of a failure."
    )
    for problem in (*check.problems, *(problem for _, problem in check.more)):
        yield f"Problem {problem.name}\n  shows {problem.reveals}\n  cannot see {problem.blind_to}"
    yield f"Source: {check.cite}"


def _of_theme(theme: Theme) -> Iterator[str]:
    yield _heading(theme.name)
    yield _wrapped(theme.asks)
    width = max(len(check.id) for check in theme.checks)
    yield "\n".join(("Checks", *(f"  {check.id:<{width}}  {check.title}" for check in theme.checks)))
    yield "Usual causes of a failure, and what to do"
    for mistake, remedy in theme.causes:
        yield f"{_wrapped(mistake, '- ', '  ')}\n{_wrapped(remedy, '  → ', '    ')}"
    yield "`nodecheck explain CHECK` says what a check measures and what a failure of it looks like."


def _wrapped(text: str, first: str = "", others: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
