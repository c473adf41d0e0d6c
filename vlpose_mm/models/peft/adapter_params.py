"""What of a module an adapter tunes."""

from torch import nn


def trained_params(module: nn.Module) -> list[str]:
    """List the parameters that require a gradient, and buffers beside them, by name."""
    names = []
    for prefix, part in module.named_modules():
        own = part.named_parameters(prefix, recurse=False)
        trained = [name for name, param in own if param.requires_grad]
        if trained:
            trained += [name for name, _ in part.named_buffers(prefix, recurse=False)]
        names += trained
    return names
