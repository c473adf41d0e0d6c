"""What of a checkpoint belongs to its base, and what to its tuning."""

import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from vlpose_mm.checkpoint.metadata import KEY, decode, encode
from vlpose_mm.checkpoint.pos_embed import resize_pos_embed, split_pos_embed

# How the names of a stock estimator's weights start.
STOCK = ('backbone.', 'head.')
CLASSIFIER = 'scenario_classifier.'
POS_EMBED = 'backbone.pos_embed'


def tuned_names(model: nn.Module) -> list[str]:
    """List what of a model's state is trained.

    Args:
        model (nn.Module): The model.

    Returns:
        list[str]: Names of trained parameters, and of the statistics beside them.
    """
    names = []
    for prefix, module in model.named_modules():
        start = f'{prefix}.' if prefix else ''
        own = module.named_parameters(recurse=False)
        trained = [name for name, param in own if param.requires_grad]
        if trained:
            trained += [name for name, _ in module.named_buffers(recurse=False)]
        names += [f'{start}{name}' for name in trained]
    return names


def base_of(state_dict: Mapping[str, Tensor], tuned: Iterable[str]) -> dict[str, Tensor]:
    """Take the base's weights out of a whole checkpoint.

    Args:
        state_dict (Mapping[str, Tensor]): The checkpoint's tensors by name.
        tuned (Iterable[str]): Names of what was trained.

    Returns:
        dict[str, Tensor]: What the original route computes with. What follows from shapes
        or is not read, such as a window's index or a batch norm's counter, is left out.
    """
    tuned = set(tuned)
    return {
        name: tensor
        for name, tensor in state_dict.items()
        if name.startswith(STOCK) and name not in tuned and tensor.is_floating_point()
    }


def base_hash(base: Mapping[str, Tensor]) -> str:
    """Compute the hash that tells bases apart.

    Args:
        base (Mapping[str, Tensor]): See :func:`base_of`.

    Returns:
        str: SHA-256 of names, shapes and values in float32, in hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(base):
        tensor = base[name].detach().to('cpu', torch.float32).contiguous()
        digest.update(f'{name}{tuple(tensor.shape)}'.encode())
        digest.update(tensor.numpy())
    return digest.hexdigest()


def extract(state_dict: Mapping[str, Tensor], sha256: str | None = None) -> dict:
    """Take the tuned part out of a whole checkpoint.

    Args:
        state_dict (Mapping[str, Tensor]): The checkpoint's tensors by name.
        sha256 (str, optional): The hash of its base, where it is known.

    Returns:
        dict[str, Tensor]: The weights of an adapter checkpoint.

    Raises:
        ValueError: If the checkpoint does not tell what was trained, lacks some of it, or
            is adapter already.
    """
    identity = identity_of(state_dict)
    if 'base' in identity:
        raise ValueError('The checkpoint is adapter already; there is nothing to take.')
    missing = [name for name in identity['tuned'] if name not in state_dict]
    if missing:
        raise ValueError(f'The checkpoint lacks {missing[0]}, which was trained.')
    base = base_of(state_dict, identity['tuned'])
    identity['base'] = dict(
        sha256=sha256 or base_hash(base),
        shapes={name: list(tensor.shape) for name, tensor in base.items()},
    )
    kept = {name: state_dict[name] for name in identity['tuned']}
    return {**kept, KEY: encode(identity)}


def merge(
    tuned: Mapping[str, Tensor], base: Mapping[str, Tensor], force: bool = False
) -> dict[str, Tensor]:
    """Put a tuning and its base together into a whole checkpoint.

    Args:
        tuned (Mapping[str, Tensor]): The weights of an adapter checkpoint.
        base (Mapping[str, Tensor]): The weights of a stock estimator or of a whole VLPose.
        force (bool): Take a base with another hash than the one that was tuned.

    Returns:
        dict[str, Tensor]: The weights of a whole checkpoint.

    Raises:
        ValueError: If the tuning is none, the base lacks weights or has other shapes, or
            its hash is another one.
    """
    identity = identity_of(tuned)
    if 'base' not in identity:
        raise ValueError('The checkpoint to merge is a whole one, not an adapter one.')
    check_content(tuned, identity)
    base = fit_base(base, identity)
    check_base(identity, base_hash(base), force)
    del identity['base']
    kept = {name: tuned[name] for name in identity['tuned']}
    return {**base, **kept, KEY: encode(identity)}


def check_content(tuned: Iterable[str], identity: Mapping) -> None:
    """Check that an adapter checkpoint holds what it says, and nothing of its base.

    Args:
        tuned (Iterable[str]): Names of its tensors.
        identity (Mapping): What it says.

    Raises:
        ValueError: If something is missing, or there is more.
    """
    given, told = {*tuned} - {KEY}, {*identity['tuned']}
    for names, verb in ((told - given, 'lacks'), (given - told, 'also holds')):
        if names:
            raise ValueError(
                f'The adapter checkpoint {verb} {min(names)}; take it out of its whole '
                'checkpoint again.'
            )


def fit_base(base: Mapping[str, Tensor], identity: Mapping) -> dict[str, Tensor]:
    """Bring a checkpoint into the form in which a tuning's base was loaded.

    Args:
        base (Mapping[str, Tensor]): The weights of a stock estimator or a whole VLPose.
        identity (Mapping): Of the adapter checkpoint.

    Returns:
        dict[str, Tensor]: What the tuning needs of it.

    Raises:
        ValueError: If something is missing or has another shape.
    """
    shapes = identity['base']['shapes']
    missing = [name for name in shapes if name not in base]
    if missing:
        raise ValueError(
            f'The base lacks {missing[0]} and {len(missing) - 1} more that were there when '
            'it was tuned; give a checkpoint of the same architecture.'
        )
    fitted = {name: base[name] for name in shapes}
    if 'grid' in identity and POS_EMBED in fitted:
        grid = tuple(identity['grid'])
        table, source = split_pos_embed(fitted[POS_EMBED], grid)
        fitted[POS_EMBED] = resize_pos_embed(table, source, grid)
    for name, tensor in fitted.items():
        if list(tensor.shape) != shapes[name]:
            raise ValueError(
                f"The base's {name} has shape {tuple(tensor.shape)}, not "
                f'{tuple(shapes[name])}; give a checkpoint of the same architecture.'
            )
    return fitted


def check_base(identity: Mapping, sha256: str, force: bool = False) -> None:
    """Check that a tuning belongs to a base.

    Args:
        identity (Mapping): Of the adapter checkpoint.
        sha256 (str): The base's hash, see :func:`base_hash`.
        force (bool): Take it anyway.

    Raises:
        ValueError: If it belongs to another one.
    """
    wanted = identity['base']['sha256']
    if wanted != sha256 and not force:
        raise ValueError(
            f'The base weights are not those that were tuned: their hash is {sha256}, the '
            f'adapter checkpoint was made on {wanted}. Load its base first, or force it '
            '(model.load_adapter(..., force=True), or merge --force).'
        )


def identity_of(state_dict: Mapping[str, Tensor]) -> dict:
    """Read what a VLPose checkpoint says about itself.

    Args:
        state_dict (Mapping[str, Tensor]): The checkpoint's tensors by name.

    Returns:
        dict: See :func:`vlpose_mm.checkpoint.metadata.encode`.

    Raises:
        ValueError: If it says nothing.
    """
    if KEY not in state_dict:
        raise ValueError(
            f'The checkpoint has no {KEY}, which every VLPose writes; it is a stock one or '
            'was never a VLPose.'
        )
    return decode(state_dict[KEY])
