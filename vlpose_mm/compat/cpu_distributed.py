"""Patch: MMEngine's pytorch launcher wants a CUDA device even for the gloo backend.

MMEngine (0.10.7) calls ``torch.cuda.set_device`` before it joins the process group, which
raises where there is no such device. Delete this file when MMEngine asks first.
"""

import torch
from mmengine.device import get_device
from mmengine.dist import utils


def _init_dist_pytorch(backend: str, init_backend: str = 'torch', **kwargs) -> None:
    """Join the process group that torchrun describes, with no device to choose."""
    torch.distributed.init_process_group(backend=backend, **kwargs)


def apply_patch() -> str | None:
    """Let MMEngine launch distributed runs on the CPU; return what to log."""
    if get_device() != 'cpu' or utils._init_dist_pytorch is _init_dist_pytorch:
        return None
    utils._init_dist_pytorch = _init_dist_pytorch
    return (
        'there is no accelerator; MMEngine launches distributed runs without choosing a '
        'CUDA device.'
    )
