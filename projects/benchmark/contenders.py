"""Ways from image files to keypoints with one model: ours, and those of others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import nn

from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import output_float32
from vlpose_mm import VLPoseInferencer
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.apis.call import check_call

# Yields something for every image.
Run = Callable[[Sequence[str]], Iterator[object]]


def ours(inferencer: VLPoseInferencer, batch_size: int, num_workers: int, **kwargs) -> Run:
    """Our inferencer."""
    kwargs = {'route': 'original', **kwargs}
    options = dict(batch_size=batch_size, num_workers=num_workers, **kwargs)
    return lambda files: inferencer([*files], True, **options)


def mmposes(cfg: Config, weights: Path, conditions: Conditions) -> Run:
    """MMPose's inferencer with the base of our model."""
    base = Config(dict(cfg.to_dict(), model=base_config(cfg.model.to_dict())))
    inferencer = MMPoseInferencer(
        base, str(weights), device=conditions.device.type, det_model='whole_image'
    )
    inferencer.inferencer.show_progress = False
    if conditions.dtype != 'float32':
        output_float32(inferencer.inferencer.model)
    size = max(conditions.batch_sizes)
    return lambda files: inferencer([*files], return_datasamples=True, batch_size=size)


def rtmlibs(model: TopdownPoseEstimator, folder: Path) -> Run | None:
    """rtmlib with an ONNX file of our model, in ONNX Runtime on the CPU, image by image."""
    if find_spec('rtmlib') is None:
        return None
    import cv2
    from rtmlib import ViTPose

    path = folder / 'base.onnx'
    w, h = model.head.decoder.input_size
    example = torch.zeros(1, 3, h, w)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            _Heatmaps(model), (example,), dynamo=True, verbose=False
        )
    program.save(str(path))
    tool = ViTPose(str(path), (w, h), backend='onnxruntime', device='cpu')
    return lambda files: (tool(cv2.imread(file)) for file in files)


def transformers_vitpose(model: TopdownPoseEstimator, conditions: Conditions) -> Run:
    """The ViTPose of transformers, as large as ours, with random weights."""
    from PIL import Image
    from transformers import (
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    backbone, (w, h) = model.backbone, model.head.decoder.input_size
    layer = backbone.layers[0]
    config = VitPoseConfig(
        backbone_config=VitPoseBackboneConfig(
            image_size=[h, w],
            hidden_size=backbone.embed_dims,
            num_hidden_layers=len(backbone.layers),
            num_attention_heads=layer.attn.num_heads,
            mlp_ratio=layer.ffn.feedforward_channels // backbone.embed_dims,
            out_indices=[len(backbone.layers)],
        ),
        use_simple_decoder=False,
        num_labels=model.head.out_channels,
    )
    vitpose = VitPoseForPoseEstimation(config).eval().to(conditions.device)
    processor = VitPoseImageProcessor(size=dict(height=h, width=w))
    size = max(conditions.batch_sizes)

    def run(files: Sequence[str]) -> Iterator[object]:
        left = iter(files)
        while own := [*islice(left, size)]:
            images = [Image.open(file).convert('RGB') for file in own]
            boxes = [np.array([[0.0, 0.0, *image.size]]) for image in images]
            inputs = processor(images, boxes=boxes, return_tensors='pt')
            with torch.no_grad():
                outputs = vitpose(**inputs.to(conditions.device))
            # NumPy, which decodes them, has no bf16.
            outputs.heatmaps = outputs.heatmaps.float()
            yield from processor.post_process_pose_estimation(outputs, boxes=boxes)

    return run


def alone(
    inferencer: VLPoseInferencer, files: Sequence[str], size: int, decodes: bool
) -> Run:
    """The model without what is around it: on one batch that is prepared already."""
    predictor, model = inferencer._predictor, inferencer.model
    call = check_call(inferencer._text_check, [*files[:size]], route='original')
    sources = [source for item in call.items for source in item.sources()]
    packed = [predictor.prepare(source, call).packed[0] for source in sources]
    mode = 'predict' if decodes else 'tensor'

    def run(files: Sequence[str]) -> Iterator[object]:
        data = model.data_preprocessor(inferencer.collate_fn(packed), False)
        before = None
        for _ in range(0, len(files), size):
            with torch.no_grad(), predictor._routing():
                model(**data, mode=mode)
            if data['inputs'].is_cuda:
                # Not far ahead of the GPU, and not waiting for it either.
                event = torch.cuda.Event()
                event.record()
                if before is not None:
                    before.synchronize()
                before = event
            yield from range(size)

    return run


class _Heatmaps(nn.Module):
    """A model from normalized images to heatmaps."""

    def __init__(self, model: TopdownPoseEstimator) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(inputs))
