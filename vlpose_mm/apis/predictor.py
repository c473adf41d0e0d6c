"""Run the detector and the model on images."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import nearby_joints_nms
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample, merge_data_samples

from vlpose_mm.apis.batches import Finish, Prepared
from vlpose_mm.apis.call import Call
from vlpose_mm.apis.deferred import deferred_decoding, samples_in_place, upload
from vlpose_mm.apis.detectors import detect, detect_in_batch
from vlpose_mm.apis.inputs import Item, Source
from vlpose_mm.apis.preparer import Preparer
from vlpose_mm.local_files import is_url

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

# Merging the adapter pays off from so many images with one text prompt.
MERGE_FROM = 8
# The classifier decides on a video by so many frames with instances, ...
CLIP_FRAMES = 8
# ... so many seconds apart, as neighbors look alike.
CLIP_INTERVAL = 1.0


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
        args = pipeline, model.dataset_meta, is_cropped, is_tuned, detector is not None
        self.preparer = Preparer(*args)
        self.model = model
        self.collate_fn = collate_fn
        self.detector = detector
        self.cat_ids = cat_ids
        self.assign = self.preparer.assign
        #: Held while the model or the detector runs.
        self.lock: threading.RLock
        #: Held while something is drawn.
        self.draw_lock: threading.RLock
        self.renew_locks()

    @property
    def device(self) -> torch.device:
        """torch.device: Where the model is."""
        return next(self.model.parameters()).device

    def renew_locks(self) -> None:
        """Make new locks, as another thread may hold those that a forked process gets."""
        self.lock = threading.RLock()
        self.draw_lock = threading.RLock()

    @contextmanager
    def merged(self, call: Call, items: list[Item], forward: dict) -> Iterator[None]:
        """Merge the adapter inside a ``with`` block, where that pays off."""
        text_prompt = self.common_text_prompt(call)
        is_merged = text_prompt is not None and (
            len(items) >= MERGE_FROM or any(item.is_video for item in items)
        )
        if is_merged:
            with self.lock, self._routing(text_reading=forward['text_reading']):
                self.model.merge_adapter(text_prompt)
        try:
            yield
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
        info = self.preparer.text_of(item.overrides, {})
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
        return self._cropped([self.preparer.prepare(source, call)], call)[0]

    def predict(self, batch: list[Prepared], **forward) -> list[list[PoseDataSample]]:
        """Return the samples of images that are cropped; see :meth:`launch`."""
        return self.launch(batch, None, **forward)()

    def launch(
        self,
        batch: list[Prepared],
        call: Call | None,
        merge_results: bool = True,
        pose_based_nms: bool = False,
        attention_maps: bool = False,
        draw_heatmap: bool = False,
        text_reading: str = 'known',
    ) -> Finish:
        """Begin to predict a batch, and return what waits for it.

        It returns the samples of each image; the first one has the attention maps of all
        its instances in ``pred_attention_maps``.
        """
        batch = self._cropped(batch, call)
        packed = [crop for prepared in batch for crop in prepared.packed]
        samples, decode = [], None
        if packed:
            packed = upload(packed, self.device)
            routing = self._routing(attention_maps, draw_heatmap, text_reading)
            with self.lock, routing, torch.no_grad():
                with samples_in_place(self.model), deferred_decoding(self.model) as decode:
                    samples = self.model.test_step(self.collate_fn(packed))

        def finish() -> list[list[PoseDataSample]]:
            if decode is not None:
                decode()
            found, start = [], 0
            for prepared in batch:
                own = samples[start : start + len(prepared.packed)]
                start += len(own)
                found.append(_of_image(prepared, own, merge_results, pose_based_nms))
            return found

        return finish

    def _cropped(self, batch: list[Prepared], call: Call | None) -> list[Prepared]:
        """Detect instances where that is left to do, and crop them."""
        images = [each.image for each in batch if each.packed is None]
        if not images:
            return batch
        with self.lock:
            thresholds = call.bbox_thr, call.nms_thr
            args = self.detector, self.cat_ids, images, *thresholds
            found = iter(detect_in_batch(*args))
        return [
            self.preparer.crop(each, next(found)) if each.packed is None else each
            for each in batch
        ]

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


def _apart(sources: Iterable[Source], interval: float) -> Iterator[Source]:
    """Yield the frames of a video at least so many seconds apart."""
    following = 0.0
    for source in sources:
        if source.timestamp >= following:
            following = source.timestamp + interval
            yield source


def _of_image(
    prepared: Prepared,
    samples: list[PoseDataSample],
    merge_results: bool,
    pose_based_nms: bool,
) -> list[PoseDataSample]:
    """Return the samples of an image, of those of its instances."""
    if not samples:
        return [prepared.empty]
    maps = [sample.metainfo.get('pred_attention_maps') for sample in samples]
    for sample, bbox in zip(samples, prepared.bboxes, strict=True):
        # Not shrunk.
        sample.pred_instances.bboxes = bbox[None]
    if merge_results:
        samples = [_merged(samples)]
        if pose_based_nms:
            kept = _pose_nms(samples[0].pred_instances)
            samples[0].pred_instances = samples[0].pred_instances[kept]
            maps = [maps[row] for row in kept]
    maps = [each for each in maps if each is not None]
    samples[0].set_metainfo(dict(pred_attention_maps=maps))
    return samples


def _merged(samples: list[PoseDataSample]) -> PoseDataSample:
    """Merge samples as MMPose does, which copies even a single one."""
    sample = samples[0]
    if len(samples) > 1 or 'pred_fields' in sample or 'gt_fields' in sample:
        return merge_data_samples(samples)
    if 'gt_instance_labels' in sample:
        del sample.gt_instance_labels
    return sample


def _pose_nms(instances: InstanceData) -> list[int]:
    """Return the instances that MMPose's NMS by keypoints keeps."""
    poses = [
        dict(keypoints=keypoints, score=score)
        for keypoints, score in zip(instances.keypoints, instances.bbox_scores, strict=True)
    ]
    return list(
        nearby_joints_nms(poses, num_nearby_joints_thr=len(poses[0]['keypoints']) // 3)
    )
