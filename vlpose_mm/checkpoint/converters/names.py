"""From the names of one code base to those of another."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

# A pattern of whole module names, and the new name or a function of the match.
Rules = Mapping[str, str | Callable[[re.Match], str]]

LAYER_PARTS = ('ln1', 'attn.qkv', 'attn.proj', 'ln2', 'ffn.layers.0.0', 'ffn.layers.1')
STATISTICS = ('running_mean', 'running_var')
# Counts batches; nothing reads it, and old checkpoints lack it.
COUNTER = 'num_batches_tracked'

SIMPLE_DECODER = (
    'it has the simple decoder, which only upsamples; a VLPose needs the classic one with '
    'deconvolutions, so use a ViTPose with that'
)


class Converted(NamedTuple):
    """A state dict in our names."""

    state_dict: dict[str, Tensor]
    unmapped: list[str]  # names in the source that have no place in it


def rename(state_dict: Mapping[str, Tensor], rules: Rules) -> Converted:
    """Rename the modules of tensors by the first rule that matches."""
    renamed, unmapped = {}, []
    for name, tensor in state_dict.items():
        module, _, last = name.rpartition('.')
        for pattern, new in rules.items():
            target, matches = re.subn(rf'\A(?:{pattern})\Z', new, module)
            if matches:
                renamed[f'{target}.{last}'] = tensor
                break
        else:
            unmapped.append(name)
    return Converted(renamed, unmapped)


def check_complete(converted: Converted, required: Iterable[str]) -> Converted:
    """Check that all is there; what there is no place for becomes unmapped.

    Args:
        converted (Converted): What :func:`rename` returned.
        required (Iterable[str]): All names but the counters, which are optional.

    Raises:
        ValueError: If something is missing.
    """
    required = set(required)
    counters = {
        f'{name.removesuffix("running_mean")}{COUNTER}'
        for name in required
        if name.endswith('running_mean')
    }
    missing = sorted(required - converted.state_dict.keys())
    if missing:
        raise ValueError(
            f'nothing in it becomes {", ".join(missing[:3])}'
            + f' (and {len(missing) - 3} more)' * (len(missing) > 3)
            + '; the file is of another kind or incomplete'
        )
    places = required | counters
    state_dict = {k: v for k, v in converted.state_dict.items() if k in places}
    misplaced = sorted(converted.state_dict.keys() - places)
    return Converted(state_dict, converted.unmapped + misplaced)


def vitpose_names(state_dict: Mapping[str, Tensor]) -> set[str]:
    """List the tensors of MMPose's ViTPose with as many layers, be they incomplete."""
    branch = branch_names(state_dict, 'deconv_layers')
    return backbone_names(state_dict) | with_bias('head.final_layer') | branch


def backbone_names(state_dict: Mapping[str, Tensor]) -> set[str]:
    """List the tensors of the ViT of MMPose's ViTPose with as many layers."""
    modules = ['backbone.patch_embed.projection', 'backbone.ln1']
    for i in range(count(state_dict, r'backbone\.layers')):
        modules += [f'backbone.layers.{i}.{part}' for part in LAYER_PARTS]
    return {'backbone.pos_embed'} | with_bias(*modules)


def branch_names(state_dict: Mapping[str, Tensor], branch: str) -> set[str]:
    """List the tensors of a branch with as many deconvolution blocks as the main one."""
    names = set()
    for start in range(0, 3 * num_blocks(state_dict), 3):
        norm = f'head.{branch}.{start + 1}'
        names |= {f'head.{branch}.{start}.weight', *with_bias(norm)}
        names |= {f'{norm}.{statistic}' for statistic in STATISTICS}
    return names


def num_blocks(state_dict: Mapping[str, Tensor]) -> int:
    """Count the deconvolution blocks of the main branch, at least one."""
    # Deconvolution, batch norm and ReLU; the last module with weights is a norm.
    return (count(state_dict, r'head\.deconv_layers') + 1) // 3 or 1


def with_bias(*modules: str) -> set[str]:
    """List the weights and biases of modules."""
    return {f'{module}.{last}' for module in modules for last in ('weight', 'bias')}


def count(state_dict: Mapping[str, Tensor], modules: str) -> int:
    """Count modules by the largest number that follows a pattern; 0 without any."""
    found = (re.match(rf'{modules}\.(\d+)\.', name) for name in state_dict)
    return max((int(match[1]) + 1 for match in found if match), default=0)


def fold_pos_embed(table: Tensor) -> Tensor:
    """Add the class token's row to all others, as ViTPose does in every pass."""
    return table[:, 1:] + table[:, :1]  # 1, hw, C


def join_qkv(state_dict: dict[str, Tensor]) -> None:
    """Join queries, keys and values, where all three are there, in place."""
    for name in [name for name in state_dict if '.attn.query.' in name]:
        parts = [name.replace('.query.', f'.{p}.') for p in ('query', 'key', 'value')]
        if all(part in state_dict for part in parts):
            qkv = torch.cat([state_dict.pop(part) for part in parts])  # 3C, C or 3C
            state_dict[name.replace('.query.', '.qkv.')] = qkv
