"""What a checkpoint says about itself, as its weights alone do not tell it."""

import json
from collections.abc import Mapping

import torch
from torch import Tensor

# Where PyTorch keeps a module's extra state in a state dict. MMEngine moves every entry
# to the CPU, so it has to be a tensor.
KEY = '_extra_state'


def encode(identity: Mapping) -> Tensor:
    """Write an identity as a tensor.

    Args:
        identity (Mapping): Ready for JSON:

            - ``choices`` (dict): Settings that no shape shows, such as
              ``{'head.wiring': 'dual'}``.
            - ``tuned`` (list[str]): Names of what was trained.
            - ``grid`` (list[int], optional): Rows and columns of ``backbone.pos_embed``.
            - ``base`` (dict, only of an adapter checkpoint): ``sha256`` of the base's
              weights and their ``shapes`` by name, see :mod:`vlpose_mm.checkpoint.adapter`.

    Returns:
        Tensor: Its JSON in UTF-8, of dtype uint8.
    """
    text = json.dumps(identity, sort_keys=True)
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def decode(tensor: Tensor) -> dict:
    """Read what :func:`encode` wrote.

    Args:
        tensor (Tensor): See :func:`encode`.

    Returns:
        dict: The identity.

    Raises:
        ValueError: If the tensor is none.
    """
    try:
        identity = json.loads(bytes(tensor.cpu().tolist()))
        base = identity.get('base', dict(sha256='', shapes={}))
        grid = identity.get('grid', [1, 1])
        fits = dict(
            choices=isinstance(identity['choices'], dict),
            tuned=all(isinstance(name, str) for name in identity['tuned']),
            grid=_is_shape(grid) and len(grid) == 2 and 0 not in grid,
            base=isinstance(base['sha256'], str)
            and all(_is_shape(shape) for shape in base['shapes'].values()),
        )
        wrong = [name for name, fit in fits.items() if not fit]
        if wrong:
            raise TypeError(f'{wrong[0]} is {identity[wrong[0]]!r:.80}')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The checkpoint's {KEY} is not what a VLPose writes "
            f'({type(error).__name__}: {error}); write the checkpoint again.'
        ) from error
    return identity


def check_choices(given: Mapping, own: Mapping) -> None:
    """Check that a checkpoint was tuned with the choices of a config.

    Args:
        given (Mapping): The checkpoint's ``choices``; what it does not tell is not
            checked.
        own (Mapping): The model's.

    Raises:
        ValueError: If one differs.
    """
    differ = [name for name in own if name in given and given[name] != own[name]]
    if differ:
        faults = ', '.join(f'{n}={given[n]!r}, not {own[n]!r}' for n in differ)
        raise ValueError(
            f'The checkpoint was tuned with {faults} as in the config. Use the config '
            'that it was tuned with.'
        )


def _is_shape(value: object) -> bool:
    """Whether something is a list of sizes."""
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
