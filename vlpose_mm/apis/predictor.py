"""Crop instances from images, and run the model on them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import nearby_joints_nms
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample, merge_data_samples
from rich.console import Console
from rich.progress import track

from vlpose_mm.apis.batches import Predicted, Prepared, run_in_batches
from vlpose_mm.apis.bboxes import BBoxFile, check_bboxes, clip_bboxes
from vlpose_mm.apis.call import Call
from vlpose_mm.apis.detectors import detect
from vlpose_mm.apis.inputs import Item, Source
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.local_files import is_url

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

# Merging the adapter pays off from so many images with one text prompt.
MERGE_FROM = 8
# The classifier decides on a video by so many frames with instances, ...
CLIP_FRAMES = 8
# ... so many seconds apart, as neighbors look alike.
CLIP_INTERVAL = 1.0
# What results need in the samples.
META_KEYS = ('text_prompt', 'text_source', 'scenario', 'route', 'img_id')
META_KEYS += ('input_center', 'input_scale', 'input_size')


class Predictor:
    """Turns images into data samples; used by one thread at a time."""

    def __init__(
        self,
        model: TopdownPoseEstimator,
        pipeline: Compose,
        collate_fn: Callable,
        detector: DetInferencer | None,
        cat_ids: Sequence[int],
        is_cropped: bool,
        is_tuned: bool,
    ) -> None:
        transforms = pipeline.transforms
        assign = [each for each in transforms if isinstance(each, AssignTextPrompt)]
        keys = getattr(transforms[-1], 'meta_keys', ())
        if not assign or set(META_KEYS) - {*keys}:
            raise ValueError(
                "The test pipeline does not end like vlpose_mm's "
                '_base_/datasets/pack_with_text.py (AssignTextPrompt, and PackPoseInputs '
                f'with {", ".join(META_KEYS)} in meta_keys).'
            )
        self.model = model
        self.pipeline = pipeline
        self.collate_fn = collate_fn
        self.detector = detector
        self.cat_ids = cat_ids
        self.is_cropped = is_cropped
        self.is_tuned = is_tuned
        paddings = [each.padding for each in transforms if hasattr(each, 'padding')]
        self.padding = paddings[0] if paddings else 1.0
        self.assign = assign[-1]
        #: Held while the model or the detector runs.
        self.lock = threading.RLock()

    def run(
        self,
        call: Call,
        items: list[Item],
        batch_size: int,
        forward: dict,
        on_error: Callable[[Source, Exception], None] | None,
        show_progress: bool,
    ) -> Iterator[Predicted]:
        """Run the model on some inputs of a call."""
        counts = [item.count() for item in items] if show_progress else [None]
        sources = track(
            chain.from_iterable(self.sources(item, call) for item in items),
            'Inference',
            total=None if None in counts else sum(counts),
            console=Console(stderr=True),
            disable=not show_progress,
        )
        prepare = partial(self.prepare, call=call)
        predict = partial(self.predict, **forward)
        text_prompt = self.common_text_prompt(call)
        is_merged = text_prompt is not None and (
            len(items) >= MERGE_FROM or any(item.is_video for item in items)
        )
        if is_merged:
            with self.lock:
                with self._routing(text_reading=forward['text_reading']):
                    self.model.merge_adapter(text_prompt)
        try:
            yield from run_in_batches(sources, prepare, predict, batch_size, on_error)
        finally:
            if is_merged:
                with self.lock:
                    self.model.unmerge_adapter()

    def sources(self, item: Item, call: Call) -> Iterator[Source]:
        """Yield the images of an item; the frames of a video share one decision.

        Where the classifier would decide on each frame, and flicker, it decides once: on a
        file by frames of its beginning, whatever the size of a batch; on a webcam or URL,
        which may not come twice, by the first frame with instances.
        """
        if not item.is_video or not self._is_classified(item):
            yield from item.sources()
            return
        is_stream, text = isinstance(item.place, int) or is_url(item.place), {}
        if not is_stream:
            text = self._classify(_apart(item.sources(), CLIP_INTERVAL), call)
        for source in item.sources():
            if is_stream and not text:
                text = self._classify([source], call)
            yield source._replace(overrides={**source.overrides, **text})

    def _is_classified(self, item: Item) -> bool:
        """Return whether the classifier decides on the frames of a video."""
        router = getattr(self.model, 'router', None)
        if router is None:
            return False
        info = self._text_of(item.overrides, {})
        info = self.assign.transform(
            dict(self.model.dataset_meta, img_path=str(item.place), **info)
        )
        return router.by_annotation(PoseDataSample(metainfo=info)) is None

    def _classify(self, sources: Iterable[Source], call: Call) -> dict:
        """Return what the classifier says of some frames together, as overrides."""
        found = []
        # What fails here fails in the run itself, which reports it.
        with suppress(Exception):
            for source in sources:
                # With the id of one image they share a decision.
                prepared = self.prepare(source._replace(frame=0), call)
                if prepared.packed:
                    # One instance, so that many on each fit into memory.
                    one = dict(packed=prepared.packed[:1], bboxes=prepared.bboxes[:1])
                    found.append(prepared._replace(image=None, **one))
                if len(found) == CLIP_FRAMES:
                    break
        if not found:
            return {}
        with suppress(Exception):
            meta = self.predict(found)[0][0].metainfo
            text = dict(scenario=meta['pred_scenario'], route=meta['pred_route'])
            if text['route'] == 'tuned':
                text['text_prompt'] = meta['text_prompt']
            return text
        return {}

    def prepare(self, source: Source, call: Call) -> Prepared:
        """Read an image and crop its instances."""
        image = source.read()
        own = source.overrides
        text, image_id, category_id = {}, None, 1
        if isinstance(call.bboxes, BBoxFile):
            if not source.is_file:
                raise ValueError(f'{call.bboxes.path} has bboxes of image files only.')
            image_id = call.bboxes.image_id(source.path)
            category_id = call.bboxes.category_id
        bboxes = own_bboxes = own.get('bboxes', call.bboxes)
        if bboxes is None:
            bboxes = self.detect(image, call.bbox_thr, call.nms_thr)
        else:
            if isinstance(bboxes, BBoxFile):
                text = bboxes.text_info(source.path)
                bboxes = bboxes.bboxes(source.path, call.bbox_thr)
            bboxes = _clipped(check_bboxes(bboxes, source.name), image, source.name)
        text = self._text_of(own, text)
        info = dict(img_path=source.path, img_id=source.frame, **text)
        if not len(bboxes):
            empty = self._empty_sample(image, self.assign.transform(info))
            return Prepared(source, image, image_id, [], bboxes[:, :4], empty, category_id)
        packed, is_cropped = [], self.is_cropped and own_bboxes is None
        for bbox in bboxes:
            crop = dict(img=image, bbox=bbox[None, :4], bbox_score=bbox[4:])  # 1, 4; 1
            if is_cropped:
                crop['bbox'] = _shrunk(crop['bbox'], self.padding)
            packed.append(self.pipeline({**info, **crop, **self.model.dataset_meta}))
        return Prepared(
            source, image, image_id, packed, bboxes[:, :4], category_id=category_id
        )

    def predict(
        self,
        batch: list[Prepared],
        merge_results: bool = True,
        pose_based_nms: bool = False,
        attention_maps: bool = False,
        draw_heatmap: bool = False,
        text_reading: str = 'known',
    ) -> list[list[PoseDataSample]]:
        """Return the samples of each image; the first one has the attention maps of all
        its instances in ``pred_attention_maps``."""
        packed = [crop for prepared in batch for crop in prepared.packed]
        samples = []
        if packed:
            routing = self._routing(attention_maps, draw_heatmap, text_reading)
            with self.lock, routing, torch.no_grad():
                samples = self.model.test_step(self.collate_fn(packed))
        found, start = [], 0
        for prepared in batch:
            own = samples[start : start + len(prepared.packed)]
            start += len(own)
            if not own:
                found.append([prepared.empty])
                continue
            maps = [sample.metainfo.get('pred_attention_maps') for sample in own]
            for sample, bbox in zip(own, prepared.bboxes, strict=True):
                # Not shrunk.
                sample.pred_instances.bboxes = bbox[None]
            if merge_results:
                own = [merge_data_samples(own)]
                if pose_based_nms:
                    kept = _pose_nms(own[0].pred_instances)
                    own[0].pred_instances = own[0].pred_instances[kept]
                    maps = [maps[row] for row in kept]
            maps = [each for each in maps if each is not None]
            own[0].set_metainfo(dict(pred_attention_maps=maps))
            found.append(own)
        return found

    def common_text_prompt(self, call: Call) -> str | list[str] | None:
        """Return the text prompt if a call gives all images the same one."""
        keys = ('scenario', 'text_prompt', 'route')
        texts = [[item.overrides.get(key) for key in keys] for item in call.items]
        scenario, text_prompt, route = texts[0]
        is_same = all(text == texts[0] for text in texts)
        is_described = scenario is not None or text_prompt is not None
        if not is_same or route == 'original' or not is_described:
            return None
        info = dict(self.model.dataset_meta, img_path='')
        if text_prompt is not None:
            info['text_prompt'] = text_prompt
        else:
            info['category'] = scenario
        return self.assign.transform(info)['text_prompt']

    def detect(self, image: np.ndarray, bbox_thr: float, nms_thr: float) -> np.ndarray:
        """Return the bboxes of the detector, or of the whole image; see :func:`detect`."""
        if self.detector is None:
            return np.array([[0, 0, image.shape[1], image.shape[0], 1]], np.float32)
        with self.lock:
            return detect(self.detector, self.cat_ids, image, bbox_thr, nms_thr)

    @contextmanager
    def _routing(
        self,
        attention_maps: bool = False,
        draw_heatmap: bool = False,
        text_reading: str = 'known',
    ) -> Iterator[None]:
        """Let the model choose the route of each sample inside a ``with`` block."""
        before = self.model.test_cfg
        self.model.test_cfg = {
            **before,
            'route': 'auto',
            'output_attention_maps': attention_maps,
            'output_heatmaps': draw_heatmap,
            'text_reading': text_reading,
        }
        # Only VLPose has routes.
        router = getattr(self.model, 'router', None)
        if router is not None:
            decisions, router.decisions = router.decisions, {}
        try:
            yield
        finally:
            self.model.test_cfg = before
            if router is not None:
                router.decisions = decisions

    def _text_of(self, overrides: dict, text: dict) -> dict:
        """Return what is said of an image; a call overrides what a file says."""
        text = {**text}
        if 'scenario' in overrides:
            text['category'] = overrides['scenario']
            text.pop('text_prompt', None)
        if 'text_prompt' in overrides:
            text['text_prompt'] = overrides['text_prompt']
        if overrides.get('route', 'auto') != 'auto':
            text['route'] = overrides['route']
        if not self.is_tuned:
            text['route'] = 'original'
        return text

    def _empty_sample(self, image: np.ndarray, info: dict) -> PoseDataSample:
        """Make the sample of an image without instances."""
        keys = ('img_path', 'scenario')
        sample = PoseDataSample(metainfo={key: info[key] for key in keys})
        sample.set_metainfo(dict(ori_shape=image.shape[:2]))
        count = len(self.model.dataset_meta['keypoint_id2name'])
        sample.pred_instances = InstanceData(
            bboxes=np.zeros((0, 4), np.float32),
            bbox_scores=np.zeros(0, np.float32),
            keypoints=np.zeros((0, count, 2), np.float32),
            keypoint_scores=np.zeros((0, count), np.float32),
            keypoints_visible=np.zeros((0, count), np.float32),
        )
        return sample


def _apart(sources: Iterable[Source], interval: float) -> Iterator[Source]:
    """Yield the frames of a video at least so many seconds apart."""
    following = 0.0
    for source in sources:
        if source.timestamp >= following:
            following = source.timestamp + interval
            yield source


def _shrunk(bboxes: np.ndarray, factor: float) -> np.ndarray:
    """Shrink bboxes, N x 4, about their center."""
    center = (bboxes[:, :2] + bboxes[:, 2:]) / 2  # N, 2
    half = (bboxes[:, 2:] - bboxes[:, :2]) / (2 * factor)
    return np.hstack([center - half, center + half]).astype(np.float32)


def _clipped(bboxes: np.ndarray, image: np.ndarray, name: str) -> np.ndarray:
    """Clip bboxes to an image, and warn of those that are dropped."""
    clipped, problems = clip_bboxes(bboxes, image.shape[1], image.shape[0])
    if problems:
        more = f' So are {len(problems) - 1} more.' if len(problems) > 1 else ''
        print_log(
            f'{name}: {problems[0]}; it is dropped.{more}',
            logger='current',
            level=logging.WARNING,
        )
        if not len(clipped):
            raise ValueError(f'no bbox is left, as {problems[0]}.')
    return clipped


def _pose_nms(instances: InstanceData) -> list[int]:
    """Return the instances that MMPose's NMS by keypoints keeps."""
    poses = [
        dict(keypoints=keypoints, score=score)
        for keypoints, score in zip(instances.keypoints, instances.bbox_scores, strict=True)
    ]
    return list(
        nearby_joints_nms(poses, num_nearby_joints_thr=len(poses[0]['keypoints']) // 3)
    )
