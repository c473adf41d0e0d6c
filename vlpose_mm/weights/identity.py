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
            - ``base`` (dict, only of a tuned-only checkpoint): ``sha256`` of the base's
              weights and their ``shapes`` by name, see :mod:`vlpose_mm.weights.tuned`.

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
        choices, tuned = identity['choices'], identity['tuned']
        if not isinstance(choices, dict) or not isinstance(tuned, list):
            raise TypeError(f'choices and tuned are {choices!r:.40} and {tuned!r:.40}')
        base = identity.get('base', dict(sha256='', shapes={}))
        if not isinstance(base['sha256'], str) or not isinstance(base['shapes'], dict):
            raise TypeError(f'base is {base!r:.80}')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The checkpoint's {KEY} is not what a VLPose writes "
            f'({type(error).__name__}: {error}); write the checkpoint anew.'
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
