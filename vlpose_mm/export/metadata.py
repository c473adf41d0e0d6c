"""What a graph says about itself, so that nothing else is needed to run it."""

import numpy as np
from mmengine.config import Config
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
from mmpose.registry import TRANSFORMS

from vlpose_mm.codecs import BatchedUDPHeatmap
from vlpose_mm.export.text_prompts import TextPrompts
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.registry import find_class

# The property of the graph that holds the JSON.
KEY = 'vlpose'
# Changes when a runtime has to change with it.
VERSION = 1


def keypoints_of(cfg: Config) -> dict:
    """Describe the keypoints of a config's test dataset.

    Returns:
        dict: ``names``, ``flip_indices``, ``sigmas``, ``colors`` (RGB), ``skeleton`` (pairs
        of keypoints) and ``skeleton_colors``.

    Raises:
        ValueError: If the config has no test dataset, or it does not describe keypoints.
    """
    meta = dataset_meta_from_config(cfg, 'test') if cfg.get('test_dataloader') else None
    if meta is None:
        raise ValueError('The config has no test_dataloader whose dataset has keypoints.')
    return dict(
        names=[meta['keypoint_id2name'][i] for i in range(meta['num_keypoints'])],
        flip_indices=list(meta['flip_indices']),
        sigmas=np.asarray(meta['sigmas'], float).round(6).tolist(),
        colors=np.asarray(meta['keypoint_colors']).tolist(),
        skeleton=np.asarray(meta['skeleton_links']).tolist(),
        skeleton_colors=np.asarray(meta['skeleton_link_colors']).tolist(),
    )


def describe(
    cfg: Config, model: VLPoseEstimator, keypoints: dict, prompts: TextPrompts
) -> dict:
    """Collect what a runtime has to know, ready for JSON.

    Raises:
        ValueError: If instances are cropped, normalized or decoded in a way that the
            runtime does not have.
    """
    crop = _transform(cfg, TopdownAffine)
    padding = _transform(cfg, GetBBoxCenterScale).padding
    preprocessor, test = model.data_preprocessor, model.test_cfg
    if test.get('flip_test') and test.get('flip_mode', 'heatmap') != 'heatmap':
        raise ValueError(
            f"test_cfg.flip_mode is {test['flip_mode']!r}; only 'heatmap' can be exported."
        )
    codec = _describe_codec(model.head.decoder)
    if tuple(crop.input_size) != tuple(codec['input_size']):
        raise ValueError(
            f'The test pipeline crops {crop.input_size} and the codec reads '
            f'{codec["input_size"]}; make them the same.'
        )
    classifier = None
    if model.scenario_classifier is not None:
        classifier = [
            dict(
                scenario=each.scenario,
                natural=each.natural,
                text_prompt=prompts.encoded.index(each.text_prompt),
            )
            for each in model.scenario_classifier.classes
        ]
    return dict(
        version=VERSION,
        text_prompts=prompts.named if model.text_encoder is not None else [],
        scenarios=prompts.scenarios,
        groups=prompts.groups,
        keypoints=keypoints,
        mean=preprocessor.mean.flatten().tolist(),
        std=preprocessor.std.flatten().tolist(),
        bgr_to_rgb=bool(preprocessor._channel_conversion),
        padding=float(padding),
        use_udp=bool(crop.use_udp),
        codec=codec,
        flip_test=bool(test.get('flip_test', False)),
        shift_heatmap=bool(test.get('shift_heatmap', False)),
        route=model.route,
        routes=model.router.table,
        classifier=classifier,
    )


def _transform(cfg: Config, kind: type) -> object:
    """Build the transform of a class from the test pipeline."""
    for transform in cfg.test_dataloader.dataset.pipeline:
        if find_class(TRANSFORMS, transform['type']) is kind:
            return TRANSFORMS.build(transform)
    raise ValueError(
        f'The test pipeline has no {kind.__name__}, so the runtime would not know how to '
        'crop instances.'
    )


def _describe_codec(codec: object) -> dict:
    """Describe how heatmaps are decoded."""
    # The same, but for how long it takes.
    kind = UDPHeatmap if type(codec) is BatchedUDPHeatmap else type(codec)
    is_known = kind is UDPHeatmap and codec.heatmap_type == 'gaussian'
    if not (is_known or (kind is MSRAHeatmap and not codec.unbiased)):
        raise ValueError(
            f"The head's decoder is {kind.__name__} in a form that the runtime does not "
            'decode; it has UDPHeatmap with Gaussian heatmaps, and MSRAHeatmap with '
            'unbiased=False.'
        )
    described = dict(
        type=kind.__name__,
        input_size=[int(n) for n in codec.input_size],
        heatmap_size=[int(n) for n in codec.heatmap_size],
        sigma=float(codec.sigma),
    )
    if kind is UDPHeatmap:
        described['blur_kernel_size'] = int(codec.blur_kernel_size)
    return described
