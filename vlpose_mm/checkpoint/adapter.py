"""What of a checkpoint belongs to its base, and what to its adapter."""

import hashlib
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from vlpose_mm.checkpoint.metadata import KEY, encode, metadata_of
from vlpose_mm.checkpoint.pos_embed import resize_pos_embed, split_pos_embed

# The parts of MMPose's estimator.
BASE_PARTS = ('backbone', 'head')
POS_EMBED = 'backbone.pos_embed'


def part_of(name: str, adapter_params: Collection[str]) -> str:
    """Name a tensor's part, such as ``'head'`` or ``'head (adapter)'``."""
    part = 'metadata' if name == KEY else name.partition('.')[0]
    return f'{part} (adapter)' if name in adapter_params else part


def base_of(
    state_dict: Mapping[str, Tensor], adapter_params: Iterable[str]
) -> dict[str, Tensor]:
    """Extract what the original route computes with, without indices and counters."""
    names = {name for name in state_dict if name.partition('.')[0] in BASE_PARTS}
    names -= {*adapter_params}
    return {n: v for n, v in state_dict.items() if n in names and v.is_floating_point()}


def base_hash(base: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of a base's names, shapes and values in float32, in hex."""
    digest = hashlib.sha256()
    for name in sorted(base):
        tensor = base[name].detach().to('cpu', torch.float32).contiguous()
        digest.update(f'{name}{tuple(tensor.shape)}'.encode())
        digest.update(tensor.numpy())
    return digest.hexdigest()


def extract(state_dict: Mapping[str, Tensor], sha256: str | None = None) -> dict:
    """Extract the weights of an adapter checkpoint from a whole one.

    Args:
        state_dict (Mapping[str, Tensor]): The checkpoint's tensors by name.
        sha256 (str, optional): The hash of its base, where it is known.

    Raises:
        ValueError: If the checkpoint has no metadata, lacks some of the adapter, or is an
            adapter checkpoint already.
    """
    metadata = metadata_of(state_dict)
    if 'base' in metadata:
        raise ValueError(
            'The checkpoint is an adapter already; there is nothing to extract.'
        )
    names = metadata['adapter_params']
    missing = [name for name in names if name not in state_dict]
    if missing:
        raise ValueError(f'The checkpoint lacks {missing[0]}, which was trained.')
    base = base_of(state_dict, names)
    metadata['base'] = dict(
        sha256=sha256 or base_hash(base),
        shapes={name: list(tensor.shape) for name, tensor in base.items()},
    )
    return {**{name: state_dict[name] for name in names}, KEY: encode(metadata)}


def merge(
    weights: Mapping[str, Tensor], base: Mapping[str, Tensor], force: bool = False
) -> dict[str, Tensor]:
    """Merge an adapter and its base, of MMPose or a whole VLPose, into a whole checkpoint.

    ``force`` takes a base with another hash than the one that was tuned.

    Raises:
        ValueError: If the adapter is not one, or the base has other shapes or hash.
    """
    metadata = metadata_of(weights)
    if 'base' not in metadata:
        raise ValueError('The checkpoint to merge is a whole one, not an adapter.')
    check_content(weights, metadata)
    base = prepare_base(base, metadata)
    check_base(metadata, base_hash(base), force)
    del metadata['base']
    adapter = {name: weights[name] for name in metadata['adapter_params']}
    return {**base, **adapter, KEY: encode(metadata)}


def check_content(names: Iterable[str], metadata: Mapping) -> None:
    """Check that an adapter checkpoint holds what its metadata says, and no more."""
    held, listed = {*names} - {KEY}, {*metadata['adapter_params']}
    for wrong, verb in ((listed - held, 'lacks'), (held - listed, 'also holds')):
        if wrong:
            raise ValueError(
                f'The adapter checkpoint {verb} {min(wrong)}; extract it from its whole '
                'checkpoint again.'
            )


def prepare_base(base: Mapping[str, Tensor], metadata: Mapping) -> dict[str, Tensor]:
    """Bring a base or whole checkpoint into the form in which an adapter's was loaded.

    Raises:
        ValueError: If something is missing or has another shape.
    """
    shapes = metadata['base']['shapes']
    missing = [name for name in shapes if name not in base]
    if missing:
        raise ValueError(
            f'The base lacks {missing[0]} and {len(missing) - 1} more that were there when '
            'it was tuned; use a checkpoint of the same architecture.'
        )
    prepared = {name: base[name] for name in shapes}
    if 'grid' in metadata and POS_EMBED in prepared:
        grid = tuple(metadata['grid'])
        table, source = split_pos_embed(prepared[POS_EMBED], grid)
        prepared[POS_EMBED] = resize_pos_embed(table, source, grid)
    for name, tensor in prepared.items():
        if list(tensor.shape) != shapes[name]:
            raise ValueError(
                f"The base's {name} has shape {tuple(tensor.shape)}, not "
                f'{tuple(shapes[name])}; use a checkpoint of the same architecture.'
            )
    return prepared


def check_base(metadata: Mapping, sha256: str, force: bool = False) -> None:
    """Check that an adapter was made on the base with this hash."""
    wanted = metadata['base']['sha256']
    if wanted != sha256 and not force:
        raise ValueError(
            f'The base weights are not those that were tuned: their hash is {sha256}, the '
            f'adapter checkpoint was made on {wanted}. Load its base first, or force it '
            '(model.load_adapter(..., force=True), or merge --force).'
        )
