"""From the names of one code base to those of another."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

# A pattern of whole module names, and the new name or what makes it of the match.
Rules = Mapping[str, str | Callable[[re.Match], str]]

LAYER_PARTS = ('ln1', 'attn.qkv', 'attn.proj', 'ln2', 'ffn.layers.0.0', 'ffn.layers.1')
STATISTICS = ('running_mean', 'running_var')
# Counts batches; nothing reads it, and old checkpoints lack it.
COUNTER = 'num_batches_tracked'

SIMPLE_DECODER = (
    'it has the simple decoder, which only upsamples; a VLPose needs the classic one with '
    'deconvolutions, so take a ViTPose with that'
)


class Converted(NamedTuple):
    """A state dict in our names.

    Args:
        state_dict (dict[str, Tensor]): Tensors by name.
        unmapped (list[str]): Names in the source that nothing became of.
    """

    state_dict: dict[str, Tensor]
    unmapped: list[str]


def rename(state_dict: Mapping[str, Tensor], rules: Rules) -> Converted:
    """Rename the modules that tensors belong to; their own last names stay.

    Args:
        state_dict (Mapping[str, Tensor]): Tensors by the source's names.
        rules (Rules): The first one that matches counts.

    Returns:
        Converted: What a rule matches under its new name, and the names of the rest.
    """
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


def check_complete(converted: Converted, wanted: Iterable[str]) -> Converted:
    """Check that all is there, and set aside what there is no place for.

    Args:
        converted (Converted): Our names.
        wanted (Iterable[str]): Names of all that there has to be, apart from counters.

    Returns:
        Converted: What was wanted; the rest is unmapped.

    Raises:
        ValueError: If something is missing.
    """
    wanted = set(wanted)
    places = wanted | {
        f'{name.removesuffix("running_mean")}{COUNTER}'
        for name in wanted
        if name.endswith('running_mean')
    }
    missing = sorted(wanted - converted.state_dict.keys())
    if missing:
        raise ValueError(
            f'nothing in it becomes {", ".join(missing[:3])}'
            + f' (and {len(missing) - 3} more)' * (len(missing) > 3)
            + '; the file is of another kind or incomplete'
        )
    state_dict = {k: v for k, v in converted.state_dict.items() if k in places}
    misplaced = sorted(converted.state_dict.keys() - places)
    return Converted(state_dict, converted.unmapped + misplaced)


def vit_names(state_dict: Mapping[str, Tensor]) -> set[str]:
    """List what the backbone of a stock ViTPose consists of.

    Args:
        state_dict (Mapping[str, Tensor]): Has all of its layers, be they incomplete.

    Returns:
        set[str]: Names.
    """
    modules = ['backbone.patch_embed.projection', 'backbone.ln1']
    for i in range(count(state_dict, r'backbone\.layers')):
        modules += [f'backbone.layers.{i}.{part}' for part in LAYER_PARTS]
    return {'backbone.pos_embed', *with_bias(*modules)}


def branch_names(state_dict: Mapping[str, Tensor], branch: str) -> set[str]:
    """List what a branch of deconvolution blocks consists of.

    Args:
        state_dict (Mapping[str, Tensor]): Has all of the main branch's blocks.
        branch (str): ``'deconv_layers'`` or another one with as many blocks.

    Returns:
        set[str]: Names; of one block at least.
    """
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


def stock_names(state_dict: Mapping[str, Tensor]) -> set[str]:
    """List what a stock ViTPose consists of.

    Args:
        state_dict (Mapping[str, Tensor]): Has all of its layers, be they incomplete.

    Returns:
        set[str]: Names.
    """
    head = branch_names(state_dict, 'deconv_layers') | with_bias('head.final_layer')
    return vit_names(state_dict) | head


def with_bias(*modules: str) -> set[str]:
    """List the weights and biases of modules."""
    return {f'{module}.{last}' for module in modules for last in ('weight', 'bias')}


def count(state_dict: Mapping[str, Tensor], modules: str) -> int:
    """Count numbered modules by the largest number.

    Args:
        state_dict (Mapping[str, Tensor]): Tensors by name.
        modules (str): Pattern of what stands before the number.

    Returns:
        int: The largest number and one; 0 if there is none.
    """
    found = (re.match(rf'{modules}\.(\d+)\.', name) for name in state_dict)
    return max((int(match[1]) + 1 for match in found if match), default=0)


def fold_pos_embed(table: Tensor) -> Tensor:
    """Add the class token's row to all others, as these networks do in every pass.

    Args:
        table (Tensor): Position embeddings, 1 x (1 + hw) x C.

    Returns:
        Tensor: The same embeddings, 1 x hw x C.
    """
    return table[:, 1:] + table[:, :1]
