"""What of a module an adapter tunes."""

from torch import nn


def trained_params(module: nn.Module) -> list[str]:
    """List what is trained in a module.

    These are the names of the parameters that require a gradient, and of the buffers beside
    them, such as the statistics of a batch norm.
    """
    names = []
    for prefix, part in module.named_modules():
        start = f'{prefix}.' if prefix else ''
        own = part.named_parameters(recurse=False)
        trained = [name for name, param in own if param.requires_grad]
        if trained:
            trained += [name for name, _ in part.named_buffers(recurse=False)]
        names += [f'{start}{name}' for name in trained]
    return names
