"""Modules in the places of others."""

from collections.abc import Iterable

from torch import nn


def replace_modules(
    root: nn.Module, modules: Iterable[nn.Module], cls: type[nn.Module]
) -> dict[nn.Module, nn.Module]:
    """Put modules of a subclass in the places of others; return the new by the old ones.

    The subclass adds behavior alone: parameters, children, settings and names stay.
    """
    names = {module: name for name, module in root.named_modules()}
    replaced = {}
    for module in modules:
        new = cls.__new__(cls)
        nn.Module.__init__(new)
        vars(new).update(vars(module))
        root.set_submodule(names[module], new)
        replaced[module] = new
    return replaced
