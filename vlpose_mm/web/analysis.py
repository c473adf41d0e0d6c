"""Run a model on an uploaded image, on both routes if it has them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.structures import InstanceData

from vlpose_mm.apis import VLPoseInferencer, to_coco
from vlpose_mm.apis.bboxes import clip_bboxes
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.image_io import decode_image
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.visualization import draw_attention_maps

# Choices beside the scenarios.
CLASSIFY, NONE = 'classify', 'none'
# In characters.
MAX_TEXT_PROMPT = 500
# Longer side of the drawings in pixels; browsers blur small images and shrink large ones.
DRAWING_SIZE = 1024


class Analysis(NamedTuple):
    """The poses on an image on both routes; on one if there are no tuned weights."""

    image: np.ndarray  # BGR, H x W x 3.
    original: dict  # Result of the original route.
    tuned: dict | None  # Result of the tuned route, with attention maps.
    auto: str  # The route that the model chooses.
    is_described: bool  # Whether there was a scenario or a text prompt.
    unread: str  # The end of the text prompt that is too long for the text encoder.

    @property
    def results(self) -> dict[str, dict]:
        """dict[str, dict]: Those that there are by route, the original one first."""
        both = dict(original=self.original, tuned=self.tuned)
        return {route: result for route, result in both.items() if result is not None}

    @property
    def instances(self) -> list[InstanceData]:
        """list[InstanceData]: Of each of these routes."""
        return [each['predictions'][0].pred_instances for each in self.results.values()]


def analyze(
    inferencer: VLPoseInferencer,
    path: str | os.PathLike,
    scenario: str = NONE,
    text_prompt: str = '',
) -> Analysis:
    """Estimate the poses on an image, on both routes with the same bboxes."""
    name = Path(path).name
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise OSError(f'{name} is no longer here; upload it again.') from error
    # Not by its path, which would appear in errors.
    image = decode_image(content, name)
    if len(text_prompt) > MAX_TEXT_PROMPT:
        raise ValueError(
            f'The text prompt has {len(text_prompt)} characters; write at most '
            f'{MAX_TEXT_PROMPT}.'
        )
    if not inferencer.is_tuned:
        (result,) = inferencer(image, return_datasamples=True)
        return Analysis(image, {**result, 'name': name}, None, 'original', False, '')
    text, route = {}, 'auto'
    bboxes = None
    if inferencer.detector is not None:
        # It runs once, and both routes get the same bboxes.
        bboxes = inferencer.detect(image)
        bboxes, _ = clip_bboxes(bboxes, image.shape[1], image.shape[0])
    if text_prompt:
        text['text_prompt'] = text_prompt
    elif scenario not in (CLASSIFY, NONE):
        text['scenario'] = scenario
    elif scenario == NONE:
        # The classifier would look at an image without a description.
        route = inferencer.model.router.table['none']

    def run(**kwargs) -> dict:
        (result,) = inferencer(
            image,
            return_datasamples=True,
            bboxes=bboxes,
            attention_maps=inferencer.model.text_encoder is not None,
            **kwargs,
        )
        return {**result, 'name': name}

    first = run(route=route, **text)
    second_text = text
    if not text and first['scenario'] in SCENARIOS:
        second_text = dict(scenario=first['scenario'])
    other = 'original' if first['route'] == 'tuned' else 'tuned'
    # Without instances no route is taken.
    second = {**run(route=other, **second_text), 'route': other}
    return Analysis(
        image,
        **{first['route']: first, other: second},
        auto=first['route'],
        is_described=bool(text),
        unread=inferencer.unread(text_prompt) if text_prompt else '',
    )


def drawings(inferencer: VLPoseInferencer, analysis: Analysis) -> list[np.ndarray]:
    """Draw the skeletons of each route."""
    scale = DRAWING_SIZE / max(analysis.image.shape)
    return [
        inferencer.draw(analysis.image, result['predictions'][0], scale)
        for result in analysis.results.values()
    ]


def attention_sheet(analysis: Analysis) -> np.ndarray | None:
    """Draw the attention maps."""
    maps = analysis.tuned and analysis.tuned.get('attention_maps')
    if not maps:
        return None
    return draw_attention_maps(analysis.image[..., ::-1], maps, columns=5)


def save_json(result: dict, dataset_meta: dict, folder: str | os.PathLike) -> str:
    """Write a result in COCO's annotation format, for download."""
    path = os.path.join(folder, f'{Path(result["name"]).stem}_{result["route"]}.json')
    with replace_file(path) as file:
        file.write(json.dumps(to_coco([result], dataset_meta), indent=1).encode())
    return path
