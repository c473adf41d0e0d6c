"""The classes that configs name."""

from __future__ import annotations

from mmengine.registry import Registry


def find_class(registry: Registry, kind: str | type) -> type | None:
    """Return the class of a config's ``type``, which in new-style configs is the class.

    ``None``: the registry has none of this name.
    """
    return registry.get(kind) if isinstance(kind, str) else kind
