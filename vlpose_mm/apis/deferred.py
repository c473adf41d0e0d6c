"""Keep a GPU busy: put the decoding of heatmaps off, and copy in large pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmpose.models.heads import HeatmapHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample


@dataclass
class _Copied:
    """Heatmaps in the memory of the host, once ``event`` is over."""

    heatmaps: torch.Tensor
    event: torch.cuda.Event | None


@contextmanager
def deferred_decoding(model: TopdownPoseEstimator) -> Iterator[Callable[[], None]]:
    """Let the model predict heatmaps inside a ``with`` block.

    What the block gets, called after it, decodes them and adds the instances to the samples
    that the model has returned. Heads without heatmaps decode at once.
    """
    head, left = model.head, []
    if not isinstance(head, HeatmapHead):
        yield lambda: None
        return
    decode, add = head.decode, model.add_pred_to_datasample

    def note(
        copied: _Copied, fields: Sequence | None, samples: list[PoseDataSample]
    ) -> list[PoseDataSample]:
        left.append((copied, fields, samples))
        return samples

    def finish() -> None:
        for copied, fields, samples in left:
            if copied.event is not None:
                copied.event.synchronize()
            add(decode(copied.heatmaps), fields, samples)

    head.decode, model.add_pred_to_datasample = _copy, note
    try:
        yield finish
    finally:
        del head.decode, model.add_pred_to_datasample


def _copy(heatmaps: torch.Tensor) -> _Copied:
    """Begin to copy heatmaps to the host; NumPy, which decodes them, has no bf16."""
    heatmaps = heatmaps.detach().float()
    if not heatmaps.is_cuda:
        return _Copied(heatmaps, None)
    copied = torch.empty(heatmaps.shape, pin_memory=True)
    copied.copy_(heatmaps, non_blocking=True)
    event = torch.cuda.Event()
    # Not that of the current device, which may be another.
    event.record(torch.cuda.current_stream(heatmaps.device))
    return _Copied(copied, event)


@contextmanager
def samples_in_place(model: TopdownPoseEstimator) -> Iterator[None]:
    """Let the model's preprocessor move images only inside a ``with`` block.

    MMEngine copies every sample with its metainfo to the device, where nothing reads it.
    """
    preprocessor = model.data_preprocessor
    cast = preprocessor.cast_data

    def cast_inputs(data: object) -> object:
        # It calls itself for what is inside.
        if isinstance(data, Mapping) and 'data_samples' in data:
            return {**data, 'inputs': cast(data['inputs'])}
        return cast(data)

    preprocessor.cast_data = cast_inputs
    try:
        yield
    finally:
        del preprocessor.cast_data


def upload(packed: list[dict], device: torch.device) -> list[dict]:
    """Begin to copy crops of one size to a GPU, in one piece."""
    crops = [each['inputs'] for each in packed]
    first = crops[0]
    if device.type != 'cuda' or any(
        (each.shape, each.dtype) != (first.shape, first.dtype) for each in crops
    ):
        return packed
    shape = len(crops), *first.shape
    together = torch.empty(shape, dtype=first.dtype, pin_memory=True)  # N, 3, H, W
    torch.stack(crops, out=together)
    copied = together.to(device, non_blocking=True).unbind()
    return [{**each, 'inputs': own} for each, own in zip(packed, copied, strict=True)]
