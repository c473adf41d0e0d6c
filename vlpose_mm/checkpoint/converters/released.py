"""The authors' released VLPose checkpoints (method, names in the released checkpoints)."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from vlpose_mm.checkpoint.converters.names import (
    COUNTER,
    LAYER_PARTS,
    STATISTICS,
    Converted,
    branch_names,
    check_complete,
    count,
    num_blocks,
    rename,
    vitpose_names,
    with_bias,
)
from vlpose_mm.checkpoint.metadata import KEY, encode
from vlpose_mm.checkpoint.pos_embed import split_pos_embed

TEXT_ENCODER = 'text_encoder.'
POS_EMBED = 'backbone.pos_embed'
# Of the first layer, and of the others.
PROMPTS = ('backbone.prompt_embed', 'backbone.deep_prompt_embed')
MATCHER_PARTS = ('q', 'k', 'v', 'proj', 'norm')
# Rows to columns of ViTPose's images.
RATIO = (4, 3)
# What the weights alone do not show, see :mod:`vlpose_mm.checkpoint.metadata`.
HYPERPARAMETERS = {
    'text_encoder': 'words',
    'backbone.visual_prompt.start_layer': 0,
    'matcher.variant': 'joint',
    'matcher.num_heads': 8,
    'head.wiring': 'released',
}


def _block_part(match: re.Match) -> str:
    """Name a module of a deconvolution block: deconvolution, batch norm, ReLU."""
    block, kind, branch = match.groups()
    number = 3 * int(block) + (kind == 'bn')
    return f'head.{"aux_" * int(branch)}deconv_layers.{number}'


_LAYER = rf'backbone\.layers\.(\d+)\.({"|".join(map(re.escape, LAYER_PARTS))})'
RULES = {
    r'backbone\.(patch_embed\.projection|ln1)': r'backbone.\1',
    _LAYER: r'backbone.layers.\1.\2',
    r'head\.deconv_layers\.(\d+)\.(deconv|bn)([01])': _block_part,
    # Trained in place: the original predictor is lost.
    r'head\.final_layer': 'head.tuned_final_layer',
    r'text_embed_proj': 'matcher.text_proj',
    rf'matcher\.({"|".join(MATCHER_PARTS)})': r'matcher.\1',
}


def from_released(
    state_dict: Mapping[str, Tensor], base: Mapping[str, Tensor] | None = None
) -> Converted:
    """Convert a released VLPose to one with ``wiring='released'``, without text encoder.

    In the released training the statistics of the frozen main branch drifted, and its
    predictor was trained in place. So the tuned route gets norms and a predictor of its
    own, and the original route those of ``base``; without it, both routes have the tuned
    ones.

    Args:
        state_dict (Mapping[str, Tensor]): The released tensors by name.
        base (Mapping[str, Tensor], optional): MMPose's ViTPose that it was tuned from.

    Raises:
        ValueError: If it is of another kind, incomplete, or was tuned from another base.
    """
    source = {k: v for k, v in state_dict.items() if not k.startswith(TEXT_ENCODER)}
    source.pop('backbone.cls_token', None)
    renamed, unmapped = rename(source, RULES)
    if POS_EMBED in source:
        # The first row belongs to the class token, which is not used.
        renamed[POS_EMBED] = source[POS_EMBED][:, 1:]  # 1, hw, C
    prompts = [source[name] for name in PROMPTS if name in source]  # 1 | N-1, P, C
    if prompts:
        renamed['backbone.visual_prompts'] = torch.cat(prompts)  # 1 | N, P, C
    unmapped = [name for name in unmapped if name not in (POS_EMBED, *PROMPTS)]

    # Only this copy is the tuned route's own; the base may change the other.
    for name in [name for name in renamed if name.startswith('head.tuned_final_layer.')]:
        renamed[name.replace('tuned_final', 'final')] = renamed[name]
    for i in range(num_blocks(renamed)):
        for last in ('weight', 'bias', *STATISTICS, COUNTER):
            norm = f'head.deconv_layers.{3 * i + 1}.{last}'
            if norm in renamed:
                renamed[f'head.tuned_norms.{i}.{last}'] = renamed[norm]

    base_names, tuned = vitpose_names(renamed), _tuned_names(renamed)
    whole, unmapped = check_complete(Converted(renamed, unmapped), base_names | tuned)
    num_layers = count(whole, r'backbone\.layers')
    num_sets = len(whole['backbone.visual_prompts'])
    if num_sets not in (1, num_layers):
        raise ValueError(f'it has {num_sets} sets of prompts for {num_layers} layers')
    if base is not None:
        whole |= _original(whole, sorted(base_names), base)

    hyperparameters = {**HYPERPARAMETERS, 'backbone.visual_prompt.deep': num_sets > 1}
    _, grid = split_pos_embed(whole[POS_EMBED], RATIO)
    metadata = dict(
        hyperparameters=hyperparameters, adapter_params=sorted(tuned), grid=grid
    )
    return Converted(whole | {KEY: encode(metadata)}, unmapped)


def _tuned_names(renamed: Mapping[str, Tensor]) -> set[str]:
    """List what is trained, and its statistics and counters."""
    modules = ['head.tuned_final_layer', *(f'matcher.{part}' for part in MATCHER_PARTS)]
    # Absent where text and image features are equally wide.
    if any(name.startswith('matcher.text_proj.') for name in renamed):
        modules.append('matcher.text_proj')
    names = {'backbone.visual_prompts', *with_bias(*modules)}
    names |= branch_names(renamed, 'aux_deconv_layers')
    for i in range(num_blocks(renamed)):
        norm = f'head.tuned_norms.{i}'
        names |= with_bias(norm) | {f'{norm}.{last}' for last in STATISTICS}
        names |= {f'{norm}.{COUNTER}', f'head.aux_deconv_layers.{3 * i + 1}.{COUNTER}'}
    return names


def _original(
    whole: Mapping[str, Tensor], base_names: list[str], base: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the predictor and statistics of the base, which the released training changed.

    Raises:
        ValueError: If something else differs, or the base lacks it.
    """
    changed = {}
    for name in base_names:
        if name not in base:
            raise ValueError(
                f"the base has no {name}; give a ViTPose in MMPose's names, such as this "
                'command writes of others'
            )
        own, original = whole[name], base[name]
        if name == POS_EMBED:
            original = original[:, -own.shape[1] :]  # 1, hw, C
        same = original.shape == own.shape
        if same and name.endswith((*STATISTICS, *with_bias('head.final_layer'))):
            changed[name] = original
        elif not (same and torch.equal(original, own.to(original))):
            raise ValueError(
                f'the base is not the one that was tuned: {name} differs; give the ViTPose '
                'that its authors started from'
            )
    return changed
