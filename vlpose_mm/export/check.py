"""Compare a graph with the model that it was traced from."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import TRANSFORMS
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders.base import Prompt
from vlpose_mm.registry import find_class

# Largest difference, relative to the largest value, which is near 1 in heatmaps.
TOLERANCE = 1e-4
BATCH_SIZES = (1, 3)
# Real images that go through the model together.
BATCH_OF_IMAGES = 8


def differences(
    graph: bytes,
    model: VLPoseEstimator,
    prompts: Sequence[Prompt],
    images: Tensor | None = None,
) -> dict[str, float]:
    """Run both on random images in batches of two sizes, and on real ones.

    Args:
        graph (bytes): The graph, serialized.
        model (VLPoseEstimator): The model, in eval mode.
        prompts (Sequence[str | Sequence[str]]): The text prompts of the graph, in order.
        images (Tensor, optional): Normalized crops of real images, N x 3 x H x W.

    Returns:
        dict[str, float]: Largest difference of heatmaps by route, relative to their largest
        value; ``'scenarios'``: that of the classifier's probabilities, if there is one.

    Raises:
        ValueError: If the graph does not run.
    """
    session = onnxruntime.InferenceSession(graph, providers=['CPUExecutionProvider'])
    w, h = model.head.decoder.input_size
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(n, 3, h, w, generator=generator) for n in BATCH_SIZES]
    if images is not None:
        batches += images.split(BATCH_OF_IMAGES)
    # The first, the last, and some between, in turns.
    rows = np.linspace(0, len(prompts) - 1, num=min(len(prompts), 8)).astype(np.int64)
    largest: dict[str, float] = {}
    for batch in batches:
        own = np.resize(rows, len(batch))
        rows = np.roll(rows, -len(batch))
        for route in ('original', 'tuned'):
            inputs = dict(images=batch.numpy(), text_prompt=own)
            inputs['tuned'] = np.array(route == 'tuned')
            try:
                outputs = session.run(None, inputs)
            except Exception as error:  # those of ONNX Runtime have no class of their own
                reason = ' '.join(str(error).split())
                raise ValueError(
                    f'The graph does not run on a batch of {len(batch)} ({reason}). '
                    f'PyTorch {torch.__version__} may have traced the model for one size '
                    'of the batch alone; update it.'
                ) from error
            expected = _expected(model, route, batch, [prompts[row] for row in own])
            for name, want in expected.items():
                found = np.exp(outputs[1]) if name == 'scenarios' else outputs[0]
                error = np.abs(found - want).max() / max(np.abs(want).max(), 1e-12)
                # The maximum of Python would lose NaN.
                largest[name] = float(np.maximum(largest.get(name, 0.0), error))
    return largest


@torch.no_grad()
def _expected(
    model: VLPoseEstimator, route: str, batch: Tensor, prompts: Sequence[Prompt]
) -> Mapping[str, np.ndarray]:
    """Compute the heatmaps of a route, and on the original one the probabilities."""
    samples = [PoseDataSample(metainfo=dict(text_prompt=prompt)) for prompt in prompts]
    before = model.route
    model.set_route(route)
    try:
        expected = {route: model(batch, samples).numpy()}
        if route == 'original' and model.scenario_classifier is not None:
            feature_map = model.extract_feat(batch, samples)[0]
            expected['scenarios'] = model.scenario_classifier(feature_map).exp().numpy()
    finally:
        model.set_route(before)
    return expected


def crop_images(cfg: Config, model: VLPoseEstimator, paths: Sequence[str]) -> Tensor:
    """Crop images as the test pipeline crops instances, to N x 3 x H x W, normalized.

    Raises:
        OSError: If one cannot be read.
    """
    transforms = cfg.test_dataloader.dataset.pipeline
    # The check assigns the text prompts.
    pipeline = Compose(
        t
        for t in transforms[:-1]
        if find_class(TRANSFORMS, t['type']) is not AssignTextPrompt
    )
    crops = []
    for path in paths:
        image = read_image(path)
        height, width = image.shape[:2]
        info = dict(img=image, img_path=path, bbox_score=np.ones(1))
        info['bbox'] = np.array([[0, 0, width, height]], np.float32)
        crop = np.ascontiguousarray(pipeline(info)['img'].transpose(2, 0, 1))
        crops.append(torch.from_numpy(crop))
    samples = [PoseDataSample() for _ in crops]
    return model.data_preprocessor(dict(inputs=crops, data_samples=samples))['inputs']
