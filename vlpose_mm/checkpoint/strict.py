"""Refuse checkpoints that do not match, instead of loading half of them silently."""

from collections.abc import Collection, Mapping, Set

from torch import Tensor, nn


def check_strict(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    prefix: str,
    optional: Collection[Set[str]] = (),
) -> None:
    """Check that a checkpoint holds all of a module, in the right shapes, or nothing.

    MMEngine skips what does not match, which would leave a frozen network random.

    Args:
        module (nn.Module): The module about to be loaded.
        state_dict (Mapping[str, Tensor]): The checkpoint's tensors by name.
        prefix (str): What the module's names start with in ``state_dict``; empty if the
            module is loaded on its own, where at least one name has to match.
        optional (Collection[Set[str]]): Groups of names, each of which may be missing.

    Raises:
        ValueError: If part of the module is missing, has another shape, or the checkpoint
            holds more of it (say, more layers).
    """
    own = module.state_dict()
    new = {k[len(prefix) :]: v for k, v in state_dict.items() if k.startswith(prefix)}
    if not prefix:
        check_touches(module, state_dict)
    faults = [
        f'{prefix}{name} has shape {tuple(tensor.shape)}, not {tuple(own[name].shape)}'
        for name, tensor in new.items()
        if name in own and tensor.shape != own[name].shape
    ]
    required = own.keys() - {name for group in optional for name in group}
    for group in (required, *optional):
        if new.keys() & group:
            faults += [
                f'{prefix}{name} is missing'
                for name in own
                # Old checkpoints lack the counters, which nothing reads.
                if name in group - new.keys() and not name.endswith('num_batches_tracked')
            ]
    children = tuple(f'{name}.' for name, _ in module.named_children())
    extra = [name for name in new if name not in own and name.startswith(children)]
    faults += [f'{prefix}{name} has no place' for name in extra]
    if faults:
        more = f' (and {len(faults) - 3} more)' if len(faults) > 3 else ''
        raise ValueError(
            f'The checkpoint does not fit {type(module).__name__}: '
            f'{"; ".join(faults[:3])}{more}. Nothing of this part was loaded. Use a '
            "checkpoint of the same architecture, or change the config to the checkpoint's."
        )


def check_touches(module: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Check that a checkpoint holds at least one tensor of a module."""
    own = list(module.state_dict())
    if any(name in state_dict for name in own):
        return
    held = list(state_dict)
    parts = tuple(f'.{name}' for name, _ in module.named_parameters())
    prefixes = dict.fromkeys(
        name.removesuffix(part) + '.'
        for name in held
        for part in parts
        if name.endswith(part)
    )
    remedy = ''
    if prefixes:
        remedy = (
            f' The names begin with {" or ".join(map(repr, prefixes))}; write a checkpoint '
            'of one of them without it.'
        )
    raise ValueError(
        f'The checkpoint fits no part of {type(module).__name__}: it holds {held[:3]}..., '
        f'wanted are names like {own[:3]}....{remedy}'
    )


def load_parameters(model: nn.Module, state_dict: Mapping[str, Tensor], name: str) -> None:
    """Load all parameters of a model that does not check its checkpoints itself.

    Raises:
        ValueError: If one is missing or has another shape.
    """
    try:
        # Its own hooks know old names.
        missing = {*model.load_state_dict(state_dict, strict=False).missing_keys}
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
    else:
        missing = [key for key, _ in model.named_parameters() if key in missing]
        if not missing:
            return
        reason = f'{missing[0]} is missing (and {len(missing) - 1} more).'
    raise ValueError(
        f'The weights do not fit {name}: {reason} Give those of the same architecture.'
    )
