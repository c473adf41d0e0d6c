"""What a VLPose loads: stock checkpoints, whole ones of its own, and adapter ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from vlpose_mm.checkpoint import adapter, metadata
from vlpose_mm.checkpoint.adapter import CLASSIFIER
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.checkpoint.metadata import KEY
from vlpose_mm.checkpoint.strict import check_touches
from vlpose_mm.models.peft.lora import is_lora

if TYPE_CHECKING:
    from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


def fit_checkpoint(
    model: VLPoseEstimator, state_dict: dict[str, Tensor], prefix: str
) -> bool:
    """Complete a checkpoint that is about to be loaded, or refuse it.

    Args:
        model (VLPoseEstimator): The model.
        state_dict (dict[str, Tensor]): The checkpoint's tensors by name; completed in
            place.
        prefix (str): What the model's names start with in it.

    Returns:
        bool: Whether it was ever tuned.

    Raises:
        ValueError: If it does not fit.
    """
    if not prefix:
        check_touches(model, state_dict)
    own = model.identity()
    given = state_dict.get(prefix + KEY)
    told = own if given is None else metadata.decode(given)
    metadata.check_choices(told['choices'], own['choices'])
    if 'base' in told:
        names = (name for name in state_dict if name.startswith(prefix))
        adapter.check_content((name.removeprefix(prefix) for name in names), told)
    if model.scenario_classifier is None:
        # Routes are the config's to choose; without them it is of no use.
        for name in [n for n in state_dict if n.startswith(prefix + CLASSIFIER)]:
            del state_dict[name]
    if 'base' in told:
        _complete(model, state_dict, prefix, told)
    state_dict.setdefault(prefix + KEY, metadata.encode(own))
    weight = state_dict.get(f'{prefix}{CLASSIFIER}weight')
    dims = model.backbone.out_channels
    if weight is not None and weight.numel() and weight.shape[1:] != (dims,):
        raise ValueError(
            f"The checkpoint's scenario classifier reads features of shape "
            f'{tuple(weight.shape[1:])}, and those of the backbone are {dims} wide; '
            'use the config that it was fitted with.'
        )
    if getattr(model.backbone, 'lora', None) is None and any(map(is_lora, state_dict)):
        raise ValueError(
            'The checkpoint was tuned with low-rank updates and the config has '
            'backbone.lora=None; use the config that it was tuned with.'
        )
    # MMEngine loads part by part, so look at all of them first.
    trial = dict(state_dict)
    for part in ('backbone', 'head', 'matcher'):
        start = f'{prefix}{part}.'
        if part != 'matcher' and not any(name.startswith(start) for name in trial):
            raise ValueError(
                f'The checkpoint has no {start}*, which would stay random for ever; '
                'use one of a whole ViTPose or VLPose.'
            )
        getattr(model, part).fit_checkpoint(trial, start)
    start = f'{prefix}backbone.prompt'
    if model.backbone.prompts is None and any(n.startswith(start) for n in trial):
        raise ValueError(
            'The checkpoint was tuned with prompts and the config has '
            'backbone.prompt=None; use the config that it was tuned with.'
        )
    given = trial.get(f'{prefix}text_encoder.context')
    context = getattr(model.text_encoder, 'context', None)
    if given is not None and (context is None or context.shape != given.shape):
        raise ValueError(
            f'The checkpoint was tuned with text_encoder.context_tokens={len(given)}, '
            f'each {given.shape[1]} wide; use the config that it was tuned with.'
        )
    added = [f'{prefix}{name}' for name in added_names(model)]
    missing = [name for name in added if name not in trial]
    # The hook of the head has made these from the original ones.
    copied = tuple(f'{prefix}head.tuned_{part}.' for part in ('final_layer', 'norms'))
    untuned = all(n in missing or n.startswith(copied) for n in added)
    if missing and not untuned:
        raise ValueError(
            f'The checkpoint holds only some of the tuned parts: {missing[0]} is '
            'missing. Use the config that it was tuned with.'
        )
    model.has_base = True
    if 'base' not in told:
        model._base_sha256 = None
    return not untuned


def _complete(
    model: VLPoseEstimator, state_dict: dict[str, Tensor], prefix: str, told: Mapping
) -> None:
    """Add the base's weights to an adapter checkpoint."""
    own = model.state_dict()
    given, wanted = (
        {name for name in names if not name.startswith(CLASSIFIER)}
        for names in (told['tuned'], model.adapter_params())
    )
    if given != wanted:
        name = min(given ^ wanted)
        verb = 'holds' if name in given else 'lacks'
        raise ValueError(
            f'The adapter checkpoint {verb} {name}, which the config has otherwise; '
            'use the config that it was tuned with.'
        )
    if model.has_base:
        base, sha256 = adapter.base_of(own, wanted), model.base_hash()
    elif model.base_weights is None:
        raise ValueError(
            'An adapter checkpoint holds no base weights, and none are loaded: name '
            'them in the config as model.base_weights, load them first, or put both '
            'together with python -m vlpose_mm.tools.checkpoint merge.'
        )
    else:
        path = model.base_weights
        base = adapter.fit_base(state_dict_of(read_file(path), path), told)
        sha256 = adapter.base_hash(base)
    adapter.check_base(told, sha256)
    model._base_sha256 = sha256
    for name, tensor in {**own, **base}.items():
        if name not in wanted and name != KEY:
            state_dict.setdefault(f'{prefix}{name}', tensor)


def added_names(model: VLPoseEstimator) -> list[str]:
    """List the trained parameters that stand beside the stock estimator, not in it.

    Args:
        model (VLPoseEstimator): The model.

    Returns:
        list[str]: Their names.
    """
    return [
        name
        for name, param in model.named_parameters()
        if param.requires_grad
        and (
            not name.startswith('backbone.')
            or name.startswith('backbone.prompt')
            or is_lora(name)
        )
    ]
