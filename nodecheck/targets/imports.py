"""Imports of the code that holds a target's layers, by file or by module name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from nodecheck.layers import TorchLayer
from nodecheck.numerics.constants import DIGEST_DIGITS


class UsageError(Exception):
    """The target is written in a wrong form, or names an object that is not a layer: exit code 2."""


class TargetError(Exception):
    """The target could not be loaded: exit code 3."""


def import_file(source: str, target: str) -> ModuleType:
    """Return the module of a Python file; the folder of the file is put on ``sys.path`` and stays there.

    If the file lies in a package, the folder of that package is put at the end of ``sys.path``.  The file can
    then import its own package where that is not installed, and an installed package comes first.

    The module is entered into `sys.modules` under its stem and a digest of its path.  Files of the same name
    in different folders therefore do not collide, and neither does a file named like an installed library.

    Raises
    ------
    UsageError
        If a layer in the file is described wrongly.
    TargetError
        If there is no such file, or its import raises any other error.
    """
    path = Path(source).resolve()
    if not path.is_file():
        received = "a folder" if path.is_dir() else "nothing there"
        message = (
            f"expected a Python file at {source!r}, got {received}; give its path from the current directory"
        )
        raise TargetError(message)
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:DIGEST_DIGITS]
    name = f"nodecheck_target_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    _put_on_path(path.parent)
    if (folder := str(_folder_of_package(path))) not in sys.path:
        sys.path.append(folder)

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look their module up while it is being imported
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    return _guarded(load, target)


def import_module(source: str, target: str) -> ModuleType:
    """Return the module of this name; the current directory is put on ``sys.path`` and stays there."""
    _put_on_path(Path.cwd())
    importlib.invalidate_caches()
    return _guarded(lambda: importlib.import_module(source), target)


def import_installed(source: str, target: str) -> ModuleType:
    """Return the module of an installed package; ``sys.path`` is not changed."""
    return _guarded(lambda: importlib.import_module(source), target)


def why_not_importable(source: str) -> str:
    """Return the error that the import of a library raises, in one line; "" if it can be imported.

    A library that is installed may not fit another one.  Any error of its import means that it is missing.
    """
    try:
        importlib.import_module(source)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return ""


def why_no_torch() -> str:
    """Return the reason why no layer can run here, which is that torch is not installed; "" if it is."""
    if importlib.util.find_spec("torch") is not None:
        return ""
    return (
        "expected torch, which every layer needs, got none that is installed; "
        "install it with `python -m pip install torch`"
    )


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _folder_of_package(path: Path) -> Path:
    """Return the first folder above a file that is not a package."""
    return next(folder for folder in path.parents if not (folder / "__init__.py").exists())


def _guarded(load: Callable[[], ModuleType], target: str) -> ModuleType:
    """Return the module that `load` imports; every error becomes one of the two above.

    An import that ends the process must not end the other targets of the run.  Ctrl-C still ends all.
    """
    try:
        return load()
    except (Exception, SystemExit) as error:
        received = f"{type(error).__name__}: {error}"
        if _is_about_claims(error):
            raise UsageError(f"in {target!r}: {error}") from error
        hint = "import it in a Python session to see where this comes from"
        if isinstance(error, ModuleNotFoundError):
            hint = f"install {error.name!r}, or start where it can be imported from"
        message = f"expected {target.rpartition(':')[0] or target!r} to import, got {received}; {hint}"
        raise TargetError(message) from error


def _is_about_claims(error: BaseException) -> bool:
    """Return True if the construction of a TorchLayer raised the error, for its claims or its arguments."""
    if not isinstance(error, TypeError | ValueError):
        return False
    checked_claims = TorchLayer.__post_init__.__code__
    if any(frame.f_code is checked_claims for frame, _ in walk_tb(error.__traceback__)):
        return True
    # Python itself refuses an unknown argument, in the frame of the caller.
    return str(error).startswith(f"{TorchLayer.__init__.__qualname__}()")
