"""Importing the code that holds a target's layers, by file or by module name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nodecheck.layers.layer


class UsageError(Exception):
    """The target is not written as it should be, or names something that is not a layer: exit code 2."""


class TargetError(Exception):
    """The target could not be loaded: exit code 3."""


def import_file(source: str, target: str) -> ModuleType:
    """Import a Python file; its folder goes on ``sys.path`` and stays there.

    So does, at the end of it, the folder of the package that the file lies in, if it does: what is installed
    comes first, and without that the package is found all the same.

    The module is entered into `sys.modules` under its stem and a digest of its path, so that files of the
    same name in different folders, or named like an installed library, do not take each other's place.
    """
    path = Path(source).resolve()
    if not path.is_file():
        received = "a folder" if path.is_dir() else "nothing there"
        message = (
            f"expected a Python file at {source!r}, got {received}; give its path from the current directory"
        )
        raise TargetError(message)
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
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
    """Import a module by name; the current directory goes on ``sys.path`` and stays there."""
    _put_on_path(Path.cwd())
    importlib.invalidate_caches()
    return _guarded(lambda: importlib.import_module(source), target)


def import_installed(source: str, target: str) -> ModuleType:
    """Import a module of an installed package; the search path stays as it is."""
    return _guarded(lambda: importlib.import_module(source), target)


def why_not_importable(source: str) -> str:
    """Return what the import of a library raises, in a line; "" if it can be imported.

    A library may be installed and yet not fit another one: whatever it raises then, it is not there.
    """
    try:
        importlib.import_module(source)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return ""


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _folder_of_package(path: Path) -> Path:
    """Return the first folder above a file that is no package."""
    return next(folder for folder in path.parents if not (folder / "__init__.py").exists())


def _guarded(load: Callable[[], ModuleType], target: str) -> ModuleType:
    """Run an import, and turn what it raises into one of the two errors.

    An import that ends the process must not take the other targets of the run with it; Ctrl-C still must.
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
    """Whether the error comes from the construction of a TorchLayer: from its checks, or from the call."""
    if not isinstance(error, TypeError | ValueError):
        return False
    if str(error).startswith("TorchLayer.__init__()"):
        return True
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_code.co_filename == nodecheck.layers.layer.__file__
