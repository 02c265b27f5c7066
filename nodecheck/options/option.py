"""The options of a run, each defined once for the command line, for pytest and for configuration files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from nodecheck.options.dtypes import DTYPES
from nodecheck.options.profile import PROFILES

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ADVICE = "leave it out for the default"
_KINDS = {str: "a text", int: "a whole number", float: "a number"}
_NUMBER = re.compile(r"\d+(\.\d+)?")
_SHORTEST_TIME_LIMIT = 0.1  # seconds; a shorter limit would end checks before their first solve


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes
    ----------
    name
        Words joined by hyphens: ``--profile`` on the command line, ``--nodecheck-profile`` under pytest.
    help
        A sentence.
    kind
        str, int, float, Path, or bool for a flag.
    default
        The value if neither the command line nor the configuration gives one.
    choices
        The allowed values; empty: any.
    minimum
        The smallest allowed value.
    metavar
        Placeholder of the value in the help text.
    unit
        Unit of a number.
    many
        True if it may be given several times; its value is then a tuple.
    """

    name: str
    help: str
    kind: type = str
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    metavar: str | None = None
    unit: str = ""
    many: bool = False

    @property
    def key(self) -> str:
        """The name of the option in Python and in a configuration file."""
        return self.name.replace("-", "_")

    def read(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises
        ------
        ValueError
            If the text stands for no allowed value.
        """
        try:
            value = self.kind(text)
        except ValueError as error:
            raise ValueError(self._no_number(text)) from error
        if self.choices and value not in self.choices:
            self.refuse(text)
        if self.minimum is not None and not self.minimum <= value < math.inf:
            least = f"{self.minimum:g} {self.unit}".strip()
            message = f"{self.name} must be at least {least}, got {text!r}; {_ADVICE}"
            raise ValueError(message)
        return value

    def refuse(self, value: object) -> NoReturn:
        """Raise the error for a value that is none of the choices."""
        message = f"{self.name} must be one of {', '.join(self.choices)}, got {value!r}; {_ADVICE}"
        raise ValueError(message)

    def _no_number(self, text: str) -> str:
        """Return the error for a text that is no number; the number in it, if it begins with one."""
        kind = "a whole number" if self.kind is int else "a number"
        expected = f"{self.name} must be {kind}{f' of {self.unit}' if self.unit else ''}, got {text!r}"
        begins = _NUMBER.match(text)
        advice = f"write {begins.group()}, without a unit" if begins and self.unit else _ADVICE
        return f"{expected}; {advice}"


OPTIONS = (
    Option("profile", "Thoroughness of the run.", default="ci", choices=tuple(PROFILES)),
    Option(
        "select",
        "Run only checks whose id matches; may be repeated.",
        default=("*",),
        metavar="GLOB",
        many=True,
    ),
    Option(
        "layer",
        "Only layers whose name matches, of targets without ::GLOB; may be repeated.",
        default=(),
        metavar="GLOB",
        many=True,
    ),
    Option(
        "problem",
        "Check on this field of your own, in place of those of nodecheck; may be repeated.",
        default=(),
        metavar="FILE:PROBLEM",
        many=True,
    ),
    Option("output", "Folder of all files that are written.", Path, metavar="DIR"),
    Option("seed", "Seed of all random numbers.", int, 0, minimum=0),
    Option(
        "device",
        "Device on which layers run; both: also on CUDA if there is a device.  "
        "Default: cpu; of a memory measurement: both.",
        choices=("cpu", "cuda", "both"),
    ),
    Option(
        "dtype",
        "Dtype in which layers run; default: float64, or the only one that a layer works in.",
        choices=DTYPES,
    ),
    Option(
        "jobs",
        "Number of processes that measure at a time; default: one per core, at most four.",
        int,
        minimum=1,
    ),
    Option(
        "memory-limit",
        "Memory of one layer; default: half of the machine's.",
        float,
        minimum=1,
        metavar="GIB",
        unit="GiB",
    ),
    Option(
        "time-limit",
        "Time of one check; default: that of the profile.",
        float,
        minimum=_SHORTEST_TIME_LIMIT,
        metavar="SECONDS",
        unit="seconds",
    ),
    Option("strict", "Exit 1 also if a layer could not be verified.", bool, False),
)
_BY_NAME = {option.name: option for option in OPTIONS}


def option(name: str) -> Option:
    """Return the option of this name."""
    return _BY_NAME[name]


def resolve(name: str, given: Any, configured: Mapping[str, Any]) -> Any:
    """Return the given value of an option; if that is None the configured one, else the default."""
    chosen = _BY_NAME[name]
    value = given if given is not None else configured.get(chosen.key, chosen.default)
    if not chosen.many:
        return value
    return (value,) if isinstance(value, str) else tuple(value)


def checked(name: str, value: Any) -> Any:
    """Return the value of an option that was given in Python, with the same errors as on the command line.

    Raises
    ------
    ValueError
        If it is none of the allowed values.
    TypeError
        If it is of another kind, as a float for a whole number.
    """
    chosen = _BY_NAME[name]
    if chosen.choices:
        return chosen.read(value) if isinstance(value, str) else chosen.refuse(value)
    many = tuple(value) if chosen.many and isinstance(value, Sequence) else (value,)
    expected = Integral if chosen.kind is int else chosen.kind
    if not many or isinstance(value, bool) or not all(isinstance(one, expected) for one in many):
        kind = "a text or a sequence of texts" if chosen.many else _KINDS[chosen.kind]
        message = f"{name} must be {kind}, got {value!r}; {_ADVICE}"
        raise TypeError(message)
    return value if chosen.many else chosen.read(str(value))


def on_command_line(*names: str) -> Callable[[_Command], _Command]:
    """Return the decorator that adds these options to a click command, in this order."""
    import click

    def decorate(command: _Command) -> _Command:
        for name in reversed(names):
            command = _click_option(click, _BY_NAME[name])(command)
        return command

    return decorate


def _click_option(click: Any, chosen: Option) -> Any:
    more: dict[str, Any] = {"help": chosen.help, "metavar": chosen.metavar}
    if chosen.kind is bool:
        return click.option(f"--{chosen.name}", is_flag=True, **more)
    kind: Any = click.Path(path_type=Path) if chosen.kind is Path else chosen.kind
    if chosen.choices:
        kind = _reading(chosen, click.Choice)(chosen.choices)
    elif chosen.kind in (int, float):
        base = click.IntRange if chosen.kind is int else click.FloatRange
        kind = _reading(chosen, base)(min=chosen.minimum)
    more |= {"show_default": chosen.default is not None and not chosen.many, "multiple": chosen.many}
    return click.option(f"--{chosen.name}", type=kind, default=chosen.default, **more)


def _reading(chosen: Option, base: Any) -> Any:
    """Return a type of values for click whose help text is that of `base`, and whose errors are of `read`."""

    def convert(self: Any, value: Any, parameter: Any, context: Any) -> Any:
        try:
            return chosen.read(str(value))
        except ValueError as error:
            return self.fail(str(error), parameter, context)

    return type(base.__name__, (base,), {"convert": convert})


def in_pytest(add: Callable[..., Any], *names: str) -> None:
    """Add these options to pytest; `add` is the ``addoption`` of a parser or of a group.

    Their default is None there, which means "not given" for `resolve`.
    """
    for name in names:
        chosen = _BY_NAME[name]
        more: dict[str, Any] = {"help": chosen.help, "default": None, "dest": f"nodecheck_{chosen.key}"}
        if chosen.kind is bool:
            more["action"] = "store_true"
        else:
            more |= {"metavar": chosen.metavar or chosen.key.upper(), "type": _argument(chosen)}
            more["action"] = "append" if chosen.many else "store"
        add(f"--nodecheck-{chosen.name}", **more)


def _argument(chosen: Option) -> Callable[[str], Any]:
    import argparse

    def read(text: str) -> Any:
        try:
            return chosen.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
