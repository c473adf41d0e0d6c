"""What a checkpoint says about itself, since its weights do not show it."""

import json
from collections.abc import Mapping

import torch
from torch import Tensor

# Where PyTorch keeps a module's extra state in a state dict. MMEngine moves every entry
# to the CPU, so it has to be a tensor.
KEY = '_extra_state'


def encode(metadata: Mapping) -> Tensor:
    """Write metadata as a tensor.

    Args:
        metadata (Mapping): Ready for JSON:

            - ``hyperparameters`` (dict): Settings that no shape shows, such as
              ``{'head.wiring': 'dual'}``.
            - ``adapter_params`` (list[str]): Names of what the adapter adds or tunes.
            - ``grid`` (list[int], optional): Rows and columns of ``backbone.pos_embed``.
            - ``base`` (dict, only of an adapter checkpoint): ``sha256`` of the base's
              weights and their ``shapes`` by name, see :mod:`vlpose_mm.checkpoint.adapter`.

    Returns:
        Tensor: Its JSON in UTF-8, of dtype uint8.
    """
    text = json.dumps(metadata, sort_keys=True)
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def decode(tensor: Tensor) -> dict:
    """Read what :func:`encode` wrote; raise a ``ValueError`` if it is something else."""
    try:
        metadata = json.loads(bytes(tensor.cpu().tolist()))
        base = metadata.get('base', dict(sha256='', shapes={}))
        grid = metadata.get('grid', [1, 1])
        valid = dict(
            hyperparameters=isinstance(metadata['hyperparameters'], dict),
            adapter_params=all(isinstance(n, str) for n in metadata['adapter_params']),
            grid=_is_shape(grid) and len(grid) == 2 and 0 not in grid,
            base=isinstance(base['sha256'], str)
            and all(_is_shape(shape) for shape in base['shapes'].values()),
        )
        wrong = [name for name, is_valid in valid.items() if not is_valid]
        if wrong:
            raise TypeError(f'{wrong[0]} is {metadata[wrong[0]]!r:.80}')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The checkpoint's {KEY} is not what a VLPose writes "
            f'({type(error).__name__}: {error}); write the checkpoint again.'
        ) from error
    return metadata


def metadata_of(state_dict: Mapping[str, Tensor]) -> dict:
    """Read the metadata of a VLPose checkpoint; raise a ``ValueError`` without any."""
    if KEY not in state_dict:
        raise ValueError(
            f'The checkpoint has no {KEY}, which every VLPose writes; it is of another '
            'pose estimator.'
        )
    return decode(state_dict[KEY])


def check_hyperparameters(tuned: Mapping, own: Mapping) -> None:
    """Check those that a checkpoint was tuned with, where it lists them."""
    differ = [name for name in own if name in tuned and tuned[name] != own[name]]
    if differ:
        faults = ', '.join(f'{n}={tuned[n]!r}, not {own[n]!r}' for n in differ)
        raise ValueError(
            f'The checkpoint was tuned with {faults} as in the config. Use the config '
            'that it was tuned with.'
        )


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
