"""Poses from any image, by MMPose's inferencer."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.evaluation.functional import nms
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from rich.console import Console
from rich.progress import track

from vlpose_mm.apis.batches import Prepared, run_in_batches, warn
from vlpose_mm.apis.bboxes import (
    BoxFile,
    People,
    given_people,
    shrunk,
    usable,
    whole_image,
)
from vlpose_mm.apis.detectors import build_detector, find_detector
from vlpose_mm.apis.inputs import OWN, Input, Item, Source, find_items
from vlpose_mm.apis.model_zoo import find_model
from vlpose_mm.apis.results import Failure, PoseResult, PoseResults
from vlpose_mm.apis.text_prompts import WordCheck
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

# What the crops of people need to tell for results to be put together again.
NEEDED = ('text_prompt', 'text_source', 'scenario', 'route', 'img_id')


@INFERENCERS.register_module()
class VLPoseInferencer(Pose2DInferencer):
    """Finds people's keypoints on images of any kind.

    Args:
        model (str | Config): ``'demo'``, the small model that comes with the package; a
            name of the model index; path of a config; a config; or a checkpoint that holds
            its config.
        weights (str, optional): Checkpoint, whole or adapter: file or URL.
        base_weights (str, optional): The stock estimator's checkpoint for an adapter one;
            the config's ``model.base_weights`` by default.
        device (str, optional): Such as ``'cuda:0'``; the best there is by default.
        det_model (str, optional): Who finds people: a short name of a published detector,
            see :data:`DETECTORS`, or path of a config of MMDetection; by default the
            whole image is one person, with some margin.
        det_weights (str, optional): The detector's checkpoint, if not the published one.
        det_cat_ids (int | Sequence[int], optional): Its categories that are people, if not
            the first.
        show_progress (bool): Whether to show a progress bar, on the standard error.

    Raises:
        OSError: If a file is missing or an address cannot be reached.
        ValueError: If something is unknown, or the model is no :class:`VLPoseEstimator`.
    """

    def __init__(
        self,
        model: str | os.PathLike | Config = 'demo',
        weights: str | None = None,
        base_weights: str | None = None,
        device: str | None = None,
        det_model: str | None = None,
        det_weights: str | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        show_progress: bool = False,
    ) -> None:
        _check_device(device)
        # What the model caches and how it is set is for one call at a time.
        self._lock = threading.RLock()
        found = find_model(model, weights, base_weights)
        cfg = found.cfg
        # What MMPose's inferencer asks of a config, which need not be ours.
        cfg.setdefault('data_mode', 'topdown')
        cfg.setdefault('dataset_type', 'CocoDataset')
        if cfg.get('visualizer'):
            # MMEngine would hand the same one to a later runner, which writes nothing then.
            cfg.visualizer.name = f'vlpose_{uuid4().hex}'
        try:
            super().__init__(
                cfg,
                found.weights,
                device,
                'mmpose',
                det_model or 'whole_image',
                det_weights,
                det_cat_ids,
                show_progress,
            )
        except (KeyError, TypeError) as error:
            # What registries and classes say of a config that they do not understand.
            raise ValueError(f'{found.name} cannot be built: {error}') from error
        if not isinstance(self.model, VLPoseEstimator):
            raise ValueError(
                f'{found.name} is a {type(self.model).__name__}, not a VLPoseEstimator; '
                "use MMPose's MMPoseInferencer for it."
            )
        #: What the model was called.
        self.name = found.name
        #: Whether the model has tuned weights, and not those of its base alone.
        self.tuned = found.tuned
        self._words = WordCheck(
            found.name, self._find_assign(), self.model.text_encoder, found.tuned
        )
        self._described = dict(
            model=found.name,
            weights=_digest(found.weights),
            people=det_model or 'whole_image',
        )

    @property
    def classifies(self) -> bool:
        """bool: Whether the model names the scenario of an image by itself."""
        return self.model.scenario_classifier is not None

    @property
    def text_prompts(self) -> list[str] | None:
        """list[str] | None: What it can be told; ``None`` for any text prompt."""
        return self._words.text_prompts

    def unread(self, prompt: str | list[str]) -> str:
        """Tell which end of a prompt is too long for the text encoder.

        Args:
            prompt (str | list[str]): A text prompt or several.

        Returns:
            str: What is not read; blank if everything is.
        """
        encoder = self.model.text_encoder
        text_prompts = [prompt] if isinstance(prompt, str) else prompt
        cut = [] if encoder is None else [encoder.unread(s) for s in text_prompts]
        return ' / '.join(filter(None, cut))

    def __call__(
        self,
        inputs: Input | Sequence[Input],
        scenario: str | None = None,
        prompt: str | list[str] | None = None,
        route: str = 'auto',
        boxes: BoxFile | str | os.PathLike | Sequence | np.ndarray | None = None,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
        batch_size: int = 8,
        attention_maps: bool = False,
    ) -> PoseResults:
        """Find the people on images and their keypoints.

        Args:
            inputs (str | os.PathLike | int | np.ndarray | dict | Sequence): Images; see
                :func:`find_items`. An input that is a dict brings words, route and boxes of
                its own, which go before those given here.
            scenario (str, optional): What kind of images they are, such as ``'oil
                painting'``. By default the folder tells, if it is called like a scenario,
                and otherwise the classifier, if the model has one.
            prompt (str | list[str], optional): The text prompt that is read, such as ``'a
                photo of a bronze statue'``, instead of the scenario's.
            route (str): ``'tuned'`` or ``'original'`` weights, or ``'auto'``: original ones
                for photos and images that nobody says anything about.
            boxes (BoxFile | str | os.PathLike | Sequence | np.ndarray, optional): People,
                instead of the detector's: corners x1, y1, x2, y2 in pixels, N x 4, of every
                image; or a file of COCO, see :class:`BoxFile`.
            bbox_thr (float): Lowest score of a person, in [0, 1].
            nms_thr (float): Highest IoU of two detected people, in [0, 1].
            batch_size (int): People that go through the model together.
            attention_maps (bool): Whether to tell which words were read where.

        Returns:
            PoseResults: An iterator of :class:`PoseResult`; nothing has run yet.

        Raises:
            OSError: If the images or the file of boxes are not there.
            TypeError: If an input is nothing of this kind.
            ValueError: If there are no images, or an argument is wrong.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got {batch_size!r}.')
        for name, value in (('bbox_thr', bbox_thr), ('nms_thr', nms_thr)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], got {value!r}.')
        told = self._words.check(scenario, prompt, route)
        if isinstance(boxes, str | os.PathLike):
            boxes = BoxFile(boxes)
        elif boxes is not None and not isinstance(boxes, BoxFile):
            given_people(boxes, 'the call')
        items = []
        for item in find_items(inputs):
            own = self._words.check(*(item.own.get(key) for key in OWN[:3]))
            own |= {k: v for k, v in item.own.items() if k == 'boxes'}
            if own.get('boxes') is not None:
                given_people(own['boxes'], item.name)
            items.append(item._replace(own={**told, **own}))
        options = dict(bbox_thr=bbox_thr, nms_thr=nms_thr)
        settings = {**self._described, **told, **options}
        if boxes is not None:
            is_file = isinstance(boxes, BoxFile)
            given = boxes.digest if is_file else np.asarray(boxes, float).tolist()
            settings['people'] = given

        def run(items: list[Item], failures: list[Failure]) -> Iterator[PoseResult]:
            return run_in_batches(
                self._sources(items, boxes),
                lambda source: self._prepare(source, boxes, options),
                lambda waiting: self._predict(waiting, batch_size, attention_maps),
                self._result,
                batch_size,
                failures,
            )

        return PoseResults(run, items, settings, self.model.dataset_meta)

    def _init_detector(
        self,
        det_model: str | None = None,
        det_weights: str | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        device: str | None = None,
    ) -> None:
        """Build MMDetection's inferencer of a detector, if one is wanted."""
        self.detector = None
        if det_model == 'whole_image':
            return
        found = find_detector(det_model, det_weights, det_cat_ids)
        self.detector = build_detector(det_model, found, device)
        self.det_cat_ids = found.cat_ids

    def _init_collate(self, cfg: Config) -> Callable:
        """Spare people MMEngine's warning that there is nothing to find."""
        if 'collate_fn' in cfg.test_dataloader:
            return super()._init_collate(cfg)
        return pseudo_collate

    def _find_assign(self) -> AssignTextPrompt:
        """Find what assigns text prompts, in a test pipeline that hands on what is needed."""
        transforms = self.pipeline.transforms
        assign = [each for each in transforms if isinstance(each, AssignTextPrompt)]
        told = getattr(transforms[-1], 'meta_keys', ())
        missing = [key for key in NEEDED if key not in told]
        if not assign or missing:
            raise ValueError(
                f"{self.name}: its test pipeline does not end like vlpose_mm's "
                '_base_/datasets/pack_with_text.py (AssignTextPrompt, and PackPoseInputs '
                f'with {", ".join(NEEDED)} in meta_keys).'
            )
        margins = [each.padding for each in transforms if hasattr(each, 'padding')]
        self._padding = margins[0] if margins else 1.0
        return assign[-1]

    def _sources(
        self, items: list[Item], boxes: BoxFile | Sequence | np.ndarray | None
    ) -> Iterator[Source]:
        """Yield every image, with a progress bar if wanted."""
        counts = [item.count() for item in items] if self.show_progress else [None]
        sources = (
            source
            for item in items
            for source in (
                [_without_boxes(item, boxes)]
                if isinstance(boxes, BoxFile) and item.is_video
                else item.sources()
            )
        )
        return iter(
            track(
                sources,
                'Poses',
                total=None if None in counts else sum(counts),
                console=Console(stderr=True),
                disable=not self.show_progress,
            )
        )

    def _prepare(
        self, source: Source, boxes: BoxFile | Sequence | np.ndarray | None, options: dict
    ) -> Prepared:
        """Read an image and crop its people."""
        image = source.read()
        own = dict(source.own)
        words, image_id = {}, None
        if isinstance(boxes, BoxFile):
            image_id = boxes.image_id(source.path)
        if own.get('boxes') is not None:
            people = given_people(own['boxes'], source.name)
        elif isinstance(boxes, BoxFile):
            people = boxes.people(source.path, options['bbox_thr'])
            words = boxes.words(source.path)
        elif boxes is not None:
            people = given_people(boxes, source.name)
        else:
            people = self._detect(image, **options)
        height, width = image.shape[:2]
        people, problems = usable(people, width, height)
        detected = boxes is None and own.get('boxes') is None
        if problems and not detected:
            more = f' So are {len(problems) - 1} more.' if len(problems) > 1 else ''
            warn(f'{source.name}: {problems[0]}; it is left out.{more}')
            if not len(people.boxes):
                raise ValueError(f'no box is left, as {problems[0]}.')
        # What is said in the call goes before what the image's record says.
        words |= {
            theirs: own[ours]
            for ours, theirs in (('prompt', 'text_prompt'), ('scenario', 'category'))
            if ours in own
        }
        if 'scenario' in own and 'prompt' not in own:
            words.pop('text_prompt', None)
        if own.get('route', 'auto') != 'auto':
            words['route'] = own['route']
        if not self.tuned:
            words['route'] = 'original'
        crops = people.boxes
        if self.detector is None and detected:
            # The pipeline adds a margin, which a whole image has already.
            crops = shrunk(crops, self._padding)
        packed = []
        for box, score in zip(crops, people.scores, strict=True):
            info = dict(
                img=image,
                img_path=source.path,
                img_id=source.frame,
                bbox=box[None],  # 1, 4
                bbox_score=np.array([score], np.float32),
                **self.model.dataset_meta,
            )
            packed.append(self.pipeline(info | words))
        return Prepared(source, image, image_id, people, packed, [])

    def _detect(self, image: np.ndarray, bbox_thr: float, nms_thr: float) -> People:
        """Ask the detector, if there is one."""
        if self.detector is None:
            return whole_image(image.shape[1], image.shape[0])
        with self._lock:
            found = self.detector(image, return_datasamples=True)['predictions'][0]
        instances = found.pred_instances.cpu().numpy()
        sure = np.isin(instances.labels, self.det_cat_ids) & (instances.scores >= bbox_thr)
        rows = np.column_stack([instances.bboxes, instances.scores])[sure]  # N, 5
        rows = rows[nms(rows, nms_thr)] if len(rows) else rows
        return People(rows[:, :4], rows[:, 4])

    def _predict(
        self, waiting: list[Prepared], batch_size: int, attention_maps: bool
    ) -> None:
        """Run the people of images, whose people share one decision of the classifier."""
        crops = [(prepared, packed) for prepared in waiting for packed in prepared.packed]
        with self._lock, self._asked_for(attention_maps):
            for start in range(0, len(crops), batch_size):
                batch = crops[start : start + batch_size]
                data = self.collate_fn([packed for _, packed in batch])
                samples = self.forward(data, merge_results=False)
                for (prepared, _), sample in zip(batch, samples, strict=True):
                    prepared.samples.append(sample)

    @contextmanager
    def _asked_for(self, attention_maps: bool) -> Iterator[None]:
        """Let the model route by sample and, if wanted, tell its attention maps."""
        before, decisions = self.model.test_cfg, self.model.router.decisions
        self.model.test_cfg = {
            **before,
            'route': 'auto',
            'output_attention_maps': attention_maps,
        }
        self.model.router.decisions = {}
        try:
            with torch.no_grad():
                yield
        finally:
            self.model.test_cfg = before
            self.model.router.decisions = decisions

    def _result(self, prepared: Prepared) -> PoseResult:
        """Put the people of an image together."""
        source, samples = prepared.source, prepared.samples
        meta = samples[0].metainfo if samples else {}
        route = meta.get('pred_route', 'original')
        told = self._told(source) if not samples else meta.get('scenario')
        instances = [sample.pred_instances for sample in samples]
        count = len(self.model.dataset_meta['keypoint_id2name'])
        keypoints = [np.zeros((0, count, 2), np.float32), *(i.keypoints for i in instances)]
        scores = [np.zeros((0, count), np.float32), *(i.keypoint_scores for i in instances)]
        maps = [sample.metainfo.get('pred_attention_maps') for sample in samples]
        return PoseResult(
            name=source.name,
            image=prepared.image,
            keypoints=np.concatenate(keypoints),
            scores=np.concatenate(scores),
            boxes=prepared.people.boxes,
            box_scores=prepared.people.scores,
            scenario=told or meta.get('pred_scenario'),
            prompt=meta.get('text_prompt') if route == 'tuned' else None,
            route=route,
            attention_maps=[each for each in maps if each is not None],
            image_id=prepared.image_id,
            video=source.video,
            frame=source.frame,
            meta=self.model.dataset_meta,
            paint=self._paint,
        )

    def _told(self, source: Source) -> str | None:
        """The scenario of an image without people, as far as it is told."""
        given = source.own.get('scenario')
        words = dict(img_path=source.path) | ({'category': given} if given else {})
        return self._words.assign.transform(words)['scenario']

    def _paint(self, result: PoseResult, kpt_thr: float, boxes: bool) -> np.ndarray:
        """Draw a result, with lines as thick as the image is large."""
        sample = PoseDataSample(metainfo=dict(img_path=result.name))
        sample.pred_instances = InstanceData(
            keypoints=result.keypoints,
            keypoint_scores=result.scores,
            # What the visualizer compares with the threshold.
            keypoints_visible=result.scores,
            bboxes=result.boxes,
        )
        thickness = max(1, round(min(result.image.shape[:2]) / 300))
        with self._lock:
            (drawn,) = self.visualize(
                [result.image],
                [sample],
                return_vis=True,
                draw_bbox=boxes,
                kpt_thr=kpt_thr,
                radius=2 * thickness,
                thickness=thickness,
            )
        return np.ascontiguousarray(drawn[..., ::-1])


def _check_device(device: str | None) -> None:
    """Refuse a device that is not there before anything is loaded."""
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'Cannot run on {device!r}: {reason}') from error


def _digest(path: str) -> str:
    """Tell a file of weights from any other."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def _without_boxes(item: Item, boxes: BoxFile) -> Source:
    """What stands for a video, of which a file of boxes of images knows nothing."""

    def fail() -> np.ndarray:
        raise ValueError(f'{boxes.path} has boxes of images, not of videos.')

    return Source(item.name, item.name, item.own, fail)
