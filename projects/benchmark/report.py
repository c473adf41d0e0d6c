"""Measure what is wanted, and say with what."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version

import torch
from mmengine.logging import print_log

from projects.benchmark.cases import (
    annotations,
    data,
    end_to_end,
    evaluation,
    inference,
    kernels,
    memory,
    pipelines,
    startup,
    text,
    training,
)
from projects.benchmark.conditions import Conditions
from vlpose_mm.analysis.complexity import input_size
from vlpose_mm.version import __version__

MODULES = (
    *(inference, training, memory, kernels, text, data, startup, end_to_end),
    *(annotations, pipelines, evaluation),
)
CASES: dict[str, Callable[[Mapping, Conditions], Iterator[dict]]] = {
    module.__name__.rpartition('.')[2]: module.measure for module in MODULES
}
# They run no model, take long, and are measured when asked for.
DATA_CASES = ('annotations', 'pipelines', 'evaluation')
# What cases read of a config besides its model.
NEEDS = dict(
    training=('optim_wrapper',),
    memory=('optim_wrapper',),
    kernels=('optim_wrapper',),
    text=('optim_wrapper',),
    data=('optim_wrapper', 'train_dataloader', 'val_dataloader'),
    end_to_end=('train_dataloader', 'val_dataloader'),
    annotations=('train_dataloader',),
    pipelines=('train_dataloader', 'val_dataloader'),
)


def benchmark(cfg: Mapping, conditions: Conditions, cases: Sequence[str]) -> dict:
    """Compare a VLPose with its base model.

    Return what is ready for JSON: ``input_size`` (width and height in pixels),
    ``settings``, ``machine``, ``versions``, and in ``cases`` the comparisons of each case.
    Raise a ValueError if a case misses something in the config.
    """
    for name in cases:
        missing = [key for key in NEEDS.get(name, ()) if not cfg.get(key)]
        if missing:
            raise ValueError(
                f'The config has no `{missing[0]}`, which the case {name!r} needs; add it, '
                'or omit the case.'
            )
    found = {}
    for name in cases:
        found[name] = []
        for comparison in CASES[name](cfg, conditions):
            medians = [f'{row["name"]} {row["median"]:.4g}' for row in comparison['rows']]
            print_log(
                f'measured {name}: {comparison["title"]}: {", ".join(medians)} '
                f'{comparison["unit"]}',
                logger='current',
            )
            found[name].append(comparison)
    return {**describe(cfg, conditions), 'cases': found}


def describe(cfg: Mapping, conditions: Conditions) -> dict:
    """Say what is measured with what."""
    packages = ('torch', 'mmengine', 'mmpose')
    return dict(
        input_size=[*input_size(cfg)],
        settings=dict(
            dtype=conditions.dtype,
            compiled=conditions.compiled,
            rounds=conditions.rounds,
            batch_sizes=[*conditions.batch_sizes],
            train_batch_size=conditions.train_batch_size,
        ),
        machine=dict(
            device=_device_name(conditions.device), threads=torch.get_num_threads()
        ),
        versions=dict(
            python=platform.python_version(),
            **{name: version(name) for name in packages},
            vlpose_mm=__version__,
        ),
    )


def _device_name(device: torch.device) -> str:
    """Name the GPU, or the CPU by what it is and how wide it computes."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{platform.machine()} CPU, {torch.backends.cpu.get_cpu_capability()}'
