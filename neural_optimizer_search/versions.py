"""The versions of the software, for records and for bug reports."""

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Optional

from neural_optimizer_search.keras_versions import BACKEND, PACKAGE, VERSION

# The packages, besides Keras, on which rewards or proposed rules may depend: Optuna proposes constants and settings.
_RECORDED = ("neural-optimizer-search", "tensorflow", "tf-agents", "optuna", "numpy")
_OTHERS = ("keras", "jax", "torch", "ray")


def find_versions() -> dict[str, str]:
    """The versions that affect a run, by name, without packages that are not installed."""
    return {"python": platform.python_version(), **_find(_RECORDED), PACKAGE: VERSION}


def describe_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The versions that changed, such as "optuna 3.6.1 -> 4.1.0"; "" if none did.

    A name that only one of them has tells nothing: earlier releases recorded fewer names.
    """
    changed = [name for name in now if name in before and before[name] != now[name]]
    return ", ".join(f"{name} {before[name]} -> {now[name]}" for name in changed)


def describe_versions() -> str:
    """All versions that a bug report needs, in one line."""
    versions = {**find_versions(), **_find(_OTHERS)}
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{packages}; Keras on {BACKEND}; {platform.platform()}"


def _find(packages):
    found = {name: _version(name) for name in packages}
    return {name: version for name, version in found.items() if version}


def _version(package) -> Optional[str]:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return None
