"""Estimate poses on images, as MMPose's inferencer does, with text prompts and routes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from uuid import uuid4

import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from torch import nn

from vlpose_mm.apis.background import Background
from vlpose_mm.apis.batches import Prepared
from vlpose_mm.apis.call import Call, TextCheck, check_call
from vlpose_mm.apis.detectors import build_detector, default_detector, find_detector
from vlpose_mm.apis.inputs import Input, Item
from vlpose_mm.apis.model_zoo import check_device, demo_images, find_model
from vlpose_mm.apis.output import MMPoseOutput, draw_instances
from vlpose_mm.apis.predictor import Predictor
from vlpose_mm.apis.stages import Done, OnError, Stages, default_num_workers
from vlpose_mm.apis.tracking import Tracker
from vlpose_mm.apis.writers import ResultsWriter, Summary
from vlpose_mm.checkpoint.download import DownloadError
from vlpose_mm.checkpoint.io import state_dict_of
from vlpose_mm.checkpoint.strict import load_parameters
from vlpose_mm.checkpoint.text_features import read_tuned_with
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders.reader import Reading
from vlpose_mm.names import (
    CROPPED,
    DEFAULT_MODEL,
    MINI_DRAWN,
    NO_DETECTOR,
    OFFLINE_MODEL,
    PACKAGED,
    TEXT_READINGS,
    WHOLE_IMAGE,
)

# Arguments of a call that MMPoseInferencer takes for 3D models, and ignores otherwise.
ONLY_3D = {*'use_oks_tracking tracking_thr disable_norm_pose_2d'.split()}
ONLY_3D |= {'disable_rebase_keypoint', 'num_instances'}
TEXT_KWARGS = {'scenario', 'text_prompt', 'route'}
SKELETON_STYLES = ('mmpose', 'openpose')


@INFERENCERS.register_module()
class VLPoseInferencer(Pose2DInferencer):
    """A drop-in for :class:`mmpose.apis.MMPoseInferencer` with text prompts and routes.

    On the original route its predictions are MMPose's, bit for bit. But an image on which
    the detector finds nothing has no instances (MMPose takes the whole image), a webcam is
    displayed with ``show=True`` only, and ``batch_size`` counts.

    A top-down model of MMPose runs on the original route; the others are those of VLPose.

    Args:
        pose2d (str | Config): A name of ``vlpose models`` or of a top-down model of MMPose;
            path of a config; a config; or a checkpoint that holds its config. See
            :func:`find_model`.
        pose2d_weights (str, optional): Whole or adapter checkpoint, file or URL.
        pose3d (None): Unused, as is ``pose3d_weights``; in MMPose's order.
        device (str, optional): Such as ``'cuda:0'``; by default the best device.
        scope (str, optional): Default scope of the registries.
        det_model (str, optional): A detector, see :func:`find_detector`;
            ``'whole-image'``: each image is one instance; or ``'cropped'``: it is the crop
            of one, and is not padded again. By default that of the config's
            ``dataset_type``, see :func:`default_detector`, or that of a model in the
            package, see :data:`PACKAGED`.
        det_weights (str, optional): The detector's checkpoint.
        det_cat_ids (int | Sequence[int], optional): Its person categories, 0 by default.
        show_progress (bool): Whether to show a progress bar on the standard error.
        base_weights (str, optional): The base's checkpoint for an adapter checkpoint; by
            default the config's ``model.base_weights``.

    Raises:
        OSError: If a file is missing or a URL cannot be reached.
        ValueError: If something is unknown, the model is not a top-down 2D one, or the
            weights are not of it.
    """

    preprocess_kwargs = Pose2DInferencer.preprocess_kwargs | TEXT_KWARGS
    forward_kwargs = Pose2DInferencer.forward_kwargs | {'attention_maps', 'text_reading'}
    postprocess_kwargs = Pose2DInferencer.postprocess_kwargs | {'track', 'smooth'}

    def __init__(
        self,
        pose2d: str | os.PathLike | Config = DEFAULT_MODEL,
        pose2d_weights: str | None = None,
        pose3d: None = None,
        pose3d_weights: None = None,
        device: str | None = None,
        scope: str | None = 'mmpose',
        det_model: str | None = None,
        det_weights: str | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        show_progress: bool = False,
        base_weights: str | None = None,
    ) -> None:
        if pose2d is None or pose3d is not None or pose3d_weights is not None:
            raise ValueError('Name a 2D model (pose2d=...), and no 3D one.')
        check_device(device)
        beside = partial(self._find_detector, det_model, det_weights, det_cat_ids)
        try:
            found = find_model(pose2d, pose2d_weights, base_weights, beside)
        except DownloadError as error:
            raise DownloadError(
                f'{error} The model {OFFLINE_MODEL} needs no download '
                f'(pose2d={OFFLINE_MODEL!r}, --model {OFFLINE_MODEL}).'
            ) from error
        #: Name of the model.
        self.name = found.name
        #: Whether the model has tuned weights, and not only those of its base.
        self.is_tuned = found.is_tuned
        cfg = found.cfg
        cfg.setdefault('data_mode', 'topdown')
        cfg.setdefault('dataset_type', 'CocoDataset')
        if cfg.get('visualizer'):
            # MMEngine would hand the same one to a later runner, which writes nothing then.
            cfg.visualizer.name = f'vlpose_{uuid4().hex}'
        try:
            args = cfg, found.weights, device, scope
            super().__init__(*args, det_model, det_weights, det_cat_ids, show_progress)
        except (KeyError, TypeError) as error:
            # What registries and classes raise for a config that they do not understand.
            raise ValueError(f'{found.name} cannot be built: {error}') from error
        args = self.model, self.pipeline, self.collate_fn, self.detector, self.det_cat_ids
        self._predictor = Predictor(*args, self.det_name == CROPPED, found.is_tuned)
        #: Its text encoder, if it has one.
        self.text_encoder = getattr(self.model, 'text_encoder', None)
        args = self._predictor.assign, self.text_encoder, found.is_tuned
        self._text_check = TextCheck(found.name, *args)
        digest = found.digest()
        #: Name, digest of the weights and detector, which a run that resumes must share.
        self.settings = dict(model=found.name, weights=digest, detector=self.det_name)
        #: Digests of the weights, and of the adapter if that is a checkpoint of its own.
        self.digests = (found.base[: len(digest)], digest) if found.base else (digest, None)
        self._has_warned = False

    def __call__(
        self,
        inputs: Input | Sequence[Input],
        return_datasamples: bool = False,
        batch_size: int = 1,
        out_dir: str | None = None,
        **kwargs,
    ) -> Iterator[dict]:
        """Estimate the poses on images; see :class:`mmpose.apis.MMPoseInferencer`.

        Args:
            inputs (str | os.PathLike | int | np.ndarray | dict | Sequence): Images; see
                :func:`find_items`. What a dict says of its image overrides the call.
            return_datasamples (bool): Whether ``predictions`` are data samples.
            batch_size (int): Images whose instances go through the model together.
            out_dir (str, optional): Sets ``vis_out_dir`` and ``pred_out_dir``.
            **kwargs: MMPose's, and

                - scenario (str): Of all images, such as ``'oil painting'``; by default that
                  of an image's folder, or what the model's classifier finds.
                - text_prompt (str | list[str]): Read in place of the scenario's.
                - route (str): ``'tuned'``, ``'original'``, or ``'auto'`` (default).
                - bboxes (BBoxFile | str | Sequence | np.ndarray): Used in place of the
                  detector: x1, y1, x2, y2 in pixels of every image, N x 4, or N x 5 with
                  scores; or a COCO file, see :class:`BBoxFile`.
                - attention_maps (bool): Whether to return them.
                - text_reading (str): ``'known'`` (default): a text prompt that the model
                  was not tuned with is read as a mixture of those that it was, see
                  :class:`TextReader`; ``'literal'``: as it is.
                - track (bool): Whether the instances of a video get a ``track_id``, see
                  :class:`Tracker`: in data samples, instance dicts and drawings.
                - smooth (bool): Whether their keypoints are smoothed, which tracks as well.
                - num_workers (int | None): Processes that read and crop images and, on a
                  CPU, run the model, each on one core; 0 (default): this one does it all;
                  ``None``: as many as help.
                - on_error (Callable[[Source, Exception], None]): Called with an image that
                  fails and its error, which ends the call by default.

        Returns:
            Iterator[dict]: For each image MMPose's ``predictions`` and ``visualization``,
            and ``name`` (unique among the inputs), ``scenario``, ``text_prompt`` (``None``
            on the original route), ``read_as`` (the shares of the text prompts that it was
            read as, if others), ``route``, ``image_id`` and ``category_id`` (of the
            file of bboxes), ``video``, ``frame``, ``timestamp`` (in seconds after the
            first frame), and ``attention_maps`` (of each instance).

        Raises:
            OSError: If the images or the file of bboxes do not exist. An image that cannot
                be read raises its error when its result is due.
            TypeError: If an input is of another type.
            ValueError: If there are no images, or an argument is wrong.
        """
        if out_dir is not None:
            kwargs.setdefault('vis_out_dir', f'{out_dir}/visualizations')
            kwargs.setdefault('pred_out_dir', f'{out_dir}/predictions')
        on_error = kwargs.pop('on_error', None)
        num_workers = kwargs.pop('num_workers', 0)
        args = inputs, return_datasamples, batch_size, num_workers
        stages, output = self._check(*args, **kwargs)
        done = self._run(stages, output, stages.call.items, on_error)
        return (result for _, result in done)

    def save(
        self,
        inputs: Input | Sequence[Input],
        out_dir: str | os.PathLike,
        draw: bool = True,
        resume: bool = False,
        batch_size: int | None = None,
        callback: Callable[[dict], None] | None = None,
        num_workers: int | None = 0,
        **kwargs,
    ) -> Summary:
        """Run everything and write the results; images that fail are skipped and listed.

        Writes ``annotations.json`` in COCO's annotation format, ``drawings/``, ``videos/``,
        and ``failed.txt`` if something failed; and ``progress.jsonl`` for ``resume``.

        Args:
            inputs (Input | Sequence[Input]): As in a call.
            batch_size (int, optional): As in a call; by default 8, and 64 on a GPU.
            num_workers (int, optional): As in a call.
            **kwargs: As in a call.
            out_dir (str | os.PathLike): Folder to write to.
            draw (bool): Whether to draw.
            resume (bool): Whether to continue an earlier run; otherwise a folder with
                results is refused.
            callback (Callable, optional): Called with every result.

        Returns:
            Summary: What was done.

        Raises:
            OSError: If something does not exist or cannot be written.
            ValueError: If an argument is wrong, or the folder holds other results.
        """
        if batch_size is None:
            batch_size = 64 if self._predictor.device.type == 'cuda' else 8
        stages, output = self._check(inputs, True, batch_size, num_workers, **kwargs)
        call, reading = stages.call, stages.forward['text_reading']
        settings = {**self.settings, **call.settings, 'text_reading': reading}
        settings |= {key: True for key in ('track', 'smooth') if kwargs.get(key)}
        drawer = self.draw if draw else None
        args = os.fspath(out_dir), call.items, settings, self.model.dataset_meta
        with ResultsWriter(*args, drawer, resume) as writer:
            writer.summary.skipped = call.skipped
            if draw:
                stages = stages._replace(needs_images=True, in_worker=writer.draw)
            done = self._run(stages, output, writer.pending, writer.fail)
            with Background(writer.add) as background:
                for image, result in done:
                    background.add(image, result)
                    if callback is not None:
                        callback(result)
        return writer.summary

    def draw(
        self, image: np.ndarray, sample: PoseDataSample, scale: float = 1.0, **kwargs
    ) -> np.ndarray:
        """Draw the instances on an image; see :func:`draw_instances`."""
        with self._predictor.draw_lock:
            self.visualizer.set_dataset_meta(self.model.dataset_meta)
            return draw_instances(self.visualizer, image, sample, scale, **kwargs)

    def detect(
        self, image: np.ndarray, bbox_thr: float = 0.3, nms_thr: float = 0.3
    ) -> np.ndarray:
        """Return the bboxes that a call would use: xyxy in pixels and score, N x 5."""
        return self._predictor.detect(image, bbox_thr, nms_thr)

    def read(self, text_prompt: str | list[str]) -> Reading | None:
        """Return what the model reads a text prompt as, if as others.

        See :meth:`AdapterText.read`.
        """
        if self.text_encoder is None:
            return None
        with self._predictor.lock:
            return self.model.adapter_text.read(text_prompt)

    def unread(self, text_prompt: str | list[str]) -> str:
        """Return the end of a text prompt that is too long for the text encoder."""
        encoder = self.text_encoder
        texts = [text_prompt] if isinstance(text_prompt, str) else text_prompt
        cut = [] if encoder is None else [encoder.unread(text) for text in texts]
        return ' / '.join(filter(None, cut))

    def _check(
        self,
        inputs: Input | Sequence[Input],
        return_datasamples: bool,
        batch_size: int,
        num_workers: int | None,
        **kwargs,
    ) -> tuple[Stages, MMPoseOutput]:
        """Check a call, and return what runs it."""
        if num_workers is not None and not (
            isinstance(num_workers, int) and num_workers >= 0
        ):
            raise ValueError(f'num_workers must be at least 0, got {num_workers!r}.')
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got {batch_size!r}.')
        kwargs = {k: v for k, v in kwargs.items() if k not in ONLY_3D}
        preprocess, forward, visualize, postprocess = self._dispatch_kwargs(**kwargs)
        if visualize.setdefault('skeleton_style', 'mmpose') not in SKELETON_STYLES:
            raise ValueError(f'skeleton_style must be one of {SKELETON_STYLES}.')
        call = check_call(self._text_check, inputs, **preprocess)
        self._warn_of_other_figures(call)
        suffix = os.path.splitext(visualize.get('vis_out_dir') or '')[1]
        if suffix and not all(item.is_video for item in call.items):
            raise ValueError(
                f'vis_out_dir must be a folder, as images go in, not *{suffix}.'
            )
        if forward.setdefault('text_reading', 'known') not in TEXT_READINGS:
            raise ValueError(f'text_reading must be one of {TEXT_READINGS}.')
        forward['draw_heatmap'] = visualize.get('draw_heatmap', False)
        postprocess['return_datasamples'] = return_datasamples
        is_tracked, is_smooth = (postprocess.pop(k, False) for k in ('track', 'smooth'))
        output = MMPoseOutput(self, visualize, postprocess)
        is_shown = any(visualize.get(key) for key in ('show', 'return_vis', 'vis_out_dir'))
        finish = partial(
            self._finish,
            output=output,
            tracker=Tracker(is_smooth) if is_tracked or is_smooth else None,
            has_maps=bool(forward.get('attention_maps')),
        )
        if num_workers is None:
            count = sum(not item.is_video for item in call.items)
            on_gpu = self._predictor.device.type == 'cuda'
            num_workers = default_num_workers(count, on_gpu)
        args = call, forward, finish, batch_size, num_workers, is_shown
        return Stages(self._predictor, *args), output

    def _run(
        self,
        stages: Stages,
        output: MMPoseOutput,
        items: list[Item],
        on_error: OnError,
    ) -> Iterator[Done]:
        """Yield each image and its result."""
        try:
            yield from stages.run(items, on_error, self.show_progress)
        finally:
            with self._predictor.draw_lock:
                output.close()

    def _finish(
        self,
        prepared: Prepared,
        samples: list[PoseDataSample],
        output: MMPoseOutput,
        tracker: Tracker | None,
        has_maps: bool,
    ) -> dict:
        """Make the result of an image."""
        if tracker is not None:
            tracker.update(prepared.source, samples)
        with self._predictor.draw_lock:
            result = output.add(prepared, samples)
        source, meta = prepared.source, samples[0].metainfo
        route = meta.get('pred_route', 'original')
        result['name'], result['image_id'] = source.name, prepared.image_id
        result['category_id'] = prepared.category_id
        result['video'], result['frame'] = source.video, source.frame
        result['timestamp'] = source.timestamp
        result['scenario'] = meta.get('scenario') or meta.get('pred_scenario')
        result['text_prompt'] = meta['text_prompt'] if route == 'tuned' else None
        reading = meta.get('read_as') if route == 'tuned' else None
        result['read_as'] = None if reading is None else reading.shares
        result['route'] = route
        if has_maps:
            result['attention_maps'] = meta.get('pred_attention_maps', [])
        return result

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: dict, cfg: Config
    ) -> None:
        """Load weights, of which MMEngine would load those that match; VLPose checks its
        own."""
        if not isinstance(model, VLPoseEstimator):
            load_parameters(model, state_dict_of(checkpoint, self.name), self.name)
        super()._load_weights_to_model(model, checkpoint, cfg)
        if isinstance(model, VLPoseEstimator):
            model.adapter_text.tuned_with = dict.fromkeys(read_tuned_with(checkpoint))

    def _warn_of_other_figures(self, call: Call) -> None:
        """Say once that a model knows drawn figures only, unless it gets ours."""
        if self.name != MINI_DRAWN or self._has_warned:
            return
        drawn = os.path.join(os.path.realpath(demo_images()), '')
        if all(os.path.realpath(item.location).startswith(drawn) for item in call.items):
            return
        self._has_warned = True
        print_log(
            f'{self.name} knows drawn figures only, such as those of `vlpose demo`; for '
            'photos and art take another model (`vlpose models`).',
            logger='current',
            level=logging.WARNING,
        )

    def _find_detector(
        self,
        det_model: str | None,
        det_weights: str | None,
        det_cat_ids: int | Sequence[int] | None,
        name: str,
        cfg: Config,
    ) -> list[str]:
        """Find the detector for a model; return the file or URL that it needs."""
        if det_model is None and name in PACKAGED:
            det_model = PACKAGED[name].det_model
        elif det_model is None:
            kind = cfg.get('dataset_type', 'CocoDataset')
            det_model, weights, cat_ids = default_detector(kind)
            det_weights = det_weights or weights
            det_cat_ids = cat_ids if det_cat_ids is None else det_cat_ids
        if det_model in NO_DETECTOR:
            self.det_name = CROPPED if det_model == CROPPED else WHOLE_IMAGE
            self._found_detector = None
            return []
        self.det_name = det_model
        self._found_detector = find_detector(det_model, det_weights, det_cat_ids)
        return [self._found_detector.weights]

    def _init_detector(self, device: str | None = None, **kwargs) -> None:
        """Build the detector that was found, in place of the one of MMPose's arguments."""
        found = self._found_detector
        self.detector = found and build_detector(found, device)
        self.det_cat_ids = () if found is None else found.cat_ids

    def _init_collate(self, cfg: Config) -> Callable:
        """Collate as MMEngine does, without its warning where a config says nothing."""
        if 'collate_fn' in cfg.test_dataloader:
            return super()._init_collate(cfg)
        return pseudo_collate
