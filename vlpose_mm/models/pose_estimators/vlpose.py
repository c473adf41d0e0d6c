"""VLPose: the method's figure as code."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.checkpoint.loading import added_names, fit_checkpoint
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.necks.attention_maps import tell_attention_maps
from vlpose_mm.models.peft.adapters import AdapterMixin
from vlpose_mm.models.pose_estimators.router import ROUTES, Group, Router, pick
from vlpose_mm.models.pose_estimators.widths import fit_parts
from vlpose_mm.models.text_encoders.base import TextFeatures

# With so few images, several views of them take less time in one batch than one after the
# other; with more of them, more. The original route never joins them: like this it is the
# stock estimator to the last bit.
JOIN_VIEWS_UP_TO = 4


@MODELS.register_module()
class VLPoseEstimator(AdapterMixin, TopdownPoseEstimator):
    """A top-down pose estimator that is told what kind of image it looks at.

    `VLPose <https://arxiv.org/abs/2402.14456>`_: ::

        image  --backbone with prompts--> E --------------+--> head --> heatmaps
        text prompt --text encoder--> T --matcher (with E)--> R +

    Backbone, head and text encoder are frozen, except for the parts that are tuned; the
    ``'original'`` route leaves these parts out and is the stock estimator, and ``'auto'``
    chooses one of both for each sample, see :class:`Router`. Widths are taken from the
    backbone and the text encoder. A sample's text prompt is its metainfo ``text_prompt``, see
    :class:`AssignTextPrompt`.

    Args:
        backbone (dict): A backbone with prompts, such as
            :class:`PromptedVisionTransformer`.
        text_encoder (dict, optional): Such as :class:`TransformersTextEncoder`; ``None``:
            no words.
        matcher (dict): Such as :class:`RelationMatcher`; widths are filled in.
        head (dict): Such as :class:`DualExtractorInjectorHead`; ``in_channels`` is filled
            in.
        train_cfg (dict, optional): As :class:`mmpose.models.TopdownPoseEstimator`'s, and
            ``route``: ``'tuned'`` (default), or ``'auto'``: samples for the original
            weights, which have nothing to learn, are left out; and ``accuracy_interval``:
            every how many steps the accuracy on the training batch is computed, on the CPU,
            for which a GPU has to wait (50 by default, MMPose's interval of logging; the
            log repeats the last one until there is a new one).
        test_cfg (dict, optional): As :class:`mmpose.models.TopdownPoseEstimator`'s, and
            ``route``: ``'tuned'`` (default), ``'original'`` or ``'auto'``; and
            ``output_attention_maps``: whether :meth:`predict` tells which words are read.
        routes (dict, optional): The table of the route ``'auto'``, see :class:`Router`.
        scenario_classifier (dict, optional): A :class:`ScenarioClassifier`, for the
            images that nobody says anything about.
        base_weights (str, optional): File or URL of the stock estimator's checkpoint, read
            when an adapter one is loaded before any base.
        **kwargs: Passed to :class:`mmpose.models.TopdownPoseEstimator`.

    Raises:
        ValueError: If the backbone takes no prompts, there is a neck, the head's
            ``in_channels`` is given and is not the backbone's width, or a route is
            unknown.
    """

    def __init__(
        self,
        backbone: dict,
        text_encoder: dict | None,
        matcher: dict,
        head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        routes: dict | None = None,
        scenario_classifier: dict | None = None,
        base_weights: str | None = None,
        **kwargs,
    ) -> None:
        if kwargs.get('neck') is not None:
            raise ValueError(
                'VLPoseEstimator has no neck, as its backbones put out one feature map; '
                'omit it, or set neck=None where the config inherits one.'
            )
        parts = fit_parts(backbone, text_encoder, matcher, head)
        super().__init__(
            # The head needs the width, and MMPose builds both in one go and wants a head:
            # hand it a config that builds what is built already.
            backbone=dict(type=lambda: parts.backbone),
            head=parts.head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            **kwargs,
        )
        self.text_encoder = parts.text_encoder
        self.matcher = MODELS.build(parts.matcher)
        self.scenario_classifier = None
        if scenario_classifier is not None:
            self.scenario_classifier = MODELS.build(scenario_classifier)
        self.router = Router(routes, self.scenario_classifier)
        self.base_weights = base_weights
        self.init_adapters()
        self.test_cfg = {**self.test_cfg}
        self.set_route(self.route)
        if self.train_cfg.get('route', 'tuned') not in ('tuned', 'auto'):
            raise ValueError(
                f"train_cfg.route is 'tuned' or 'auto', got {self.train_cfg['route']!r}."
            )
        self.accuracy_interval = self.train_cfg.get('accuracy_interval', 50)
        if not isinstance(self.accuracy_interval, int) or self.accuracy_interval < 1:
            raise ValueError(
                'train_cfg.accuracy_interval must be an integer of at least 1, got '
                f'{self.accuracy_interval!r}; use compute_acc=False for no accuracy.'
            )
        self._num_steps = 0
        self._loaded_untuned = self._warned_of_text = False
        trained = [name for name, param in self.named_parameters() if param.requires_grad]
        thawed = sorted({*trained} - {*added_names(self)})
        if thawed:
            _warn(
                f'The backbone trains more than what is added to it ({thawed[0]} and '
                f'{len(thawed) - 1} more); the original route changes with it.'
            )
        self._register_load_state_dict_pre_hook(self._fit_checkpoint)

    @property
    def route(self) -> str:
        """str: ``test_cfg['route']``, ``'tuned'`` by default."""
        return self.test_cfg.get('route', 'tuned')

    def set_route(self, route: str) -> None:
        """Choose the weights used from now on.

        Args:
            route (str): ``'tuned'``, ``'original'`` or ``'auto'``.

        Raises:
            ValueError: If the route is unknown.
        """
        if route not in ROUTES:
            raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
        self.test_cfg['route'] = route

    def extract_feat(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
    ) -> tuple[Tensor, ...]:
        """Compute what the head reads.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample], optional): Where the text prompts are;
                without them every image gets the default one.

        Returns:
            tuple[Tensor, ...]: ``(E, R)``, or ``(E,)`` on the original route; each
            B x C x h x w.

        Raises:
            ValueError: If the samples go different ways.
        """
        groups = self._route([inputs], data_samples)
        if len(groups) > 1:
            raise ValueError(
                "The samples of the batch go different ways on the route 'auto', and the "
                'features of both do not go into one tensor; choose a route, or call the '
                'model.'
            )
        return groups[0].feats[0]

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict | list[PoseDataSample] | Tensor:
        """Run the model; see :class:`mmpose.models.BasePoseEstimator`.

        Unlike there, ``mode='tensor'`` reads the text prompts of ``data_samples``.
        """
        if mode != 'tensor':
            return super().forward(inputs, data_samples, mode)
        groups = self._route([inputs], data_samples)
        heatmaps = [self.head(group.feats[0]) for group in groups]
        if len(groups) == 1:
            return heatmaps[0]
        rows = [row for group in groups for row in group.rows]
        return torch.cat(heatmaps)[torch.tensor(rows).argsort()]

    def loss(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> dict:
        """Compute the losses of the tuned route, the only one that trains.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample]): Targets and text prompts.

        Returns:
            dict: The head's losses; averaged over the whole batch, where samples that are
            left out count as zero. Its accuracy in every ``accuracy_interval``-th step.
        """
        self._loaded_untuned = False
        rows = list(range(len(inputs)))
        if self.train_cfg.get('route') == 'auto':
            # Nothing is classified in training.
            rows = self.router.tuned_rows(data_samples)
        if not rows:
            # Distributed training waits for a gradient of every parameter.
            trained = [p.sum() for p in self.parameters() if p.requires_grad]
            return dict(loss_kpt=0 * torch.stack(trained).sum())
        self._num_steps += 1
        inputs, samples = pick(inputs, rows), [data_samples[row] for row in rows]
        (feats,) = self._extract_tuned([inputs], samples)
        train_cfg = {**self.train_cfg}
        if self._num_steps % self.accuracy_interval:
            train_cfg['compute_acc'] = False
        losses = self.head.loss(feats, samples, train_cfg=train_cfg)
        share = len(rows) / len(data_samples)
        return {k: v * share if 'loss' in k else v for k, v in losses.items()}

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> list[PoseDataSample]:
        """Predict keypoints, in pixels of the image.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample]): Boxes and text prompts.

        Returns:
            list[PoseDataSample]: The samples with ``pred_instances``, and the route that
            they went in ``pred_route``; with ``test_cfg['output_attention_maps']``, those that
            were tuned have :class:`AttentionMaps`, of the image itself and not its mirror
            image, in ``pred_attention_maps``.

        Raises:
            ValueError: If attention maps are wanted and there are no words.
        """
        views = [inputs]
        if self.test_cfg.get('flip_test', False):
            views.append(inputs.flip(-1))
        predicted = list(data_samples)
        for route, rows, feats in self._route(views, data_samples):
            if route == 'tuned' and self._loaded_untuned:
                self._loaded_untuned = False
                _warn(
                    'The checkpoint was never tuned: the tuned route runs on random '
                    'weights. Train first, or test with model.test_cfg.route=original.'
                )
            samples = [data_samples[row] for row in rows]
            preds = self.head.predict(
                feats if len(views) > 1 else feats[0], samples, test_cfg=self.test_cfg
            )
            instances, fields = preds if isinstance(preds, tuple) else (preds, None)
            samples = self.add_pred_to_datasample(instances, fields, samples)
            for row, sample in zip(rows, samples, strict=True):
                sample.set_metainfo(dict(pred_route=route))
                predicted[row] = sample
            if route == 'tuned' and self.test_cfg.get('output_attention_maps', False):
                text_feats = self._encode_text(samples, inputs.device)
                tell_attention_maps(
                    self.matcher, self.text_encoder, feats[0][0], text_feats, samples
                )
        return predicted

    def _route(
        self, views: list[Tensor], data_samples: Sequence[PoseDataSample] | None
    ) -> list[Group]:
        """Send samples their way: one group for each route that is taken."""
        samples = [None] * len(views[0]) if data_samples is None else data_samples
        ways = dict(original=self._extract_original, tuned=self._extract_tuned)
        return self.router.split(self.route, views, samples, ways)

    def _extract_original(
        self, views: list[Tensor], data_samples: Sequence[PoseDataSample | None]
    ) -> list[tuple[Tensor, ...]]:
        """What the head reads of each view on the original route."""
        return [self.backbone(view, tuned=False) for view in views]

    def _extract_tuned(
        self, views: list[Tensor], data_samples: Sequence[PoseDataSample | None]
    ) -> list[tuple[Tensor, ...]]:
        """What it reads on the tuned one; all views of an image share the words."""
        text_feats = self._encode_text(data_samples, views[0].device)
        num_images = len(views[0])
        if len(views) > 1 and num_images <= JOIN_VIEWS_UP_TO:
            if text_feats is not None:
                text_feats = text_feats._replace(index=text_feats.index.repeat(len(views)))
            feats = self._relate(
                torch.cat(views), text_feats
            )  # E and R: views * B, C, h, w
            return list(zip(*(feat.split(num_images) for feat in feats), strict=True))
        return [self._relate(view, text_feats) for view in views]

    def _relate(
        self, inputs: Tensor, text_feats: TextFeatures | None
    ) -> tuple[Tensor, Tensor]:
        """E and R of images, B x C x h x w each."""
        (feature_map,) = self.backbone(inputs, text_feats=text_feats)
        return feature_map, self.matcher(feature_map, text_feats)

    # Compiled code would be tied to the text prompts of one batch.
    @torch.compiler.disable
    def _encode_text(
        self, data_samples: Sequence[PoseDataSample | None], device: torch.device
    ) -> TextFeatures | None:
        """Encode what every sample is told."""
        if self.text_encoder is None:
            return None
        prompts = [
            None if sample is None else sample.metainfo.get('text_prompt')
            for sample in data_samples
        ]
        if None in prompts and not self._warned_of_text:
            self._warned_of_text = True
            _warn(
                f'No text_prompt in a sample; reading {DEFAULT_TEXT_PROMPT!r}. Add '
                "dict(type='AssignTextPrompt') to the pipeline, and 'text_prompt' to the "
                'meta_keys of PackPoseInputs.'
            )
        prompts = [DEFAULT_TEXT_PROMPT if p is None else p for p in prompts]
        return self.text_encoder(prompts, device)

    def _fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: complete a checkpoint, or refuse it before any of it is loaded."""
        self._loaded_untuned = not fit_checkpoint(self, state_dict, prefix)


def _warn(text: str) -> None:
    """Log a warning."""
    print_log(text, logger='current', level=logging.WARNING)
