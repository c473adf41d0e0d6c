"""VLPose: the method's figure as code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.classifiers.scenario_classifier import Decision
from vlpose_mm.models.necks.attention_maps import attention_maps_of
from vlpose_mm.models.peft.adapters import AdapterMixin
from vlpose_mm.models.pose_estimators.router import Router
from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.linear import cast_once
from vlpose_mm.names import ROUTES, TEXT_READINGS

# Up to so many images, several views of them are faster in one batch than one after the
# other. The original route never joins them, to equal MMPose's estimator bit for bit.
JOIN_VIEWS_UP_TO = 4
UNTUNED = (
    'The checkpoint was never tuned: the tuned route runs on random weights. Train first, '
    'or test with model.test_cfg.route=original.'
)
RANDOM = (
    'The frozen base is random, as no checkpoint was loaded: what is tuned on it is of no '
    'use elsewhere. Set load_from to that of a ViTPose or VLPose.'
)


class Group(NamedTuple):
    """The samples of a batch on one route."""

    route: str  # 'original' or 'tuned'
    rows: list[int]  # Indices in the batch.
    feats: list[tuple[Tensor, ...]]  # On the original route (E,) of each view.


@MODELS.register_module()
class VLPoseEstimator(AdapterMixin, TopdownPoseEstimator):
    """A top-down pose estimator that reads a text prompt about the image.

    `VLPose <https://arxiv.org/abs/2402.14456>`_: ::

        image --backbone with visual prompts--> E ----------+--> head --> heatmaps
        text_prompt --text encoder--> T --matcher (with E)--> R +

    Backbone, head and text encoder are frozen, except for the adapter. The ``'original'``
    route omits it and equals MMPose's estimator; ``'auto'`` chooses a route per sample, see
    :class:`Router`. The text prompt of a sample is its metainfo ``text_prompt``, see
    :class:`AssignTextPrompt`. Widths that the configs of matcher, head and
    ``backbone.lora`` omit follow from the backbone and the text encoder.

    Args:
        backbone (dict): A backbone with visual prompts, such as
            :class:`PromptedVisionTransformer`.
        text_encoder (dict, optional): Such as :class:`TransformersTextEncoder`; ``None``:
            no text.
        matcher (dict): Such as :class:`RelationMatcher`.
        head (dict): Such as :class:`DualExtractorInjectorHead`.
        train_cfg (dict, optional): As :class:`mmpose.models.TopdownPoseEstimator`'s, and
            ``route``: ``'tuned'`` (default), or ``'auto'`` to omit the samples of the
            original route, which have nothing to train; and ``accuracy_interval``: the
            number of steps between accuracies on the training batch, computed on the CPU
            (default 50, MMPose's logging interval).
        test_cfg (dict, optional): As :class:`mmpose.models.TopdownPoseEstimator`'s, and
            ``route``: ``'tuned'`` (default), ``'original'`` or ``'auto'``;
            ``output_attention_maps``: whether :meth:`predict` adds attention maps; and
            ``text_reading``: ``'literal'`` (default), or ``'known'`` to read a text prompt
            that the adapter was not tuned with as a mixture of those that it was, see
            :class:`TextReader`.
        routes (dict, optional): The table of the route ``'auto'``, see :class:`Router`.
        scenario_classifier (dict, optional): A :class:`ScenarioClassifier`, which routes
            images without annotation.
        base_weights (str, optional): File or URL of the base's checkpoint, read when an
            adapter checkpoint is loaded before any base.
        **kwargs: Passed to :class:`mmpose.models.TopdownPoseEstimator`.

    Raises:
        ValueError: If the backbone takes no visual prompts, there is a neck, a width in a
            config is wrong, or a route is unknown.
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
                'VLPoseEstimator has no neck, as its backbones return one feature map; '
                'omit it, or set neck=None where the config inherits one.'
            )
        text_dims = None
        if text_encoder is not None:
            text_encoder = MODELS.build(text_encoder)
            text_dims = text_encoder.embed_dims
        if isinstance(backbone.get('lora'), dict):
            lora = _with_widths('backbone.lora', backbone['lora'], text_dims=text_dims)
            backbone = {**backbone, 'lora': lora}
        super().__init__(
            backbone=backbone,
            # MMPose requires a head here; ours needs the width of the built backbone.
            head=dict(type=nn.Identity),
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            **kwargs,
        )
        embed_dims = getattr(self.backbone, 'out_channels', None)
        if embed_dims is None:
            prompted = [name for name in MODELS.module_dict if name.startswith('Prompted')]
            raise ValueError(
                f'{type(self.backbone).__name__} takes no visual prompts; choose one of '
                f'{prompted}, with visual_prompt=None to have none.'
            )
        self.head = MODELS.build(_with_widths('head', head, in_channels=embed_dims))
        self.head.test_cfg = self.test_cfg.copy()
        self.text_encoder = text_encoder
        widths = dict(embed_dims=embed_dims, text_dims=text_dims)
        self.matcher = MODELS.build(_with_widths('matcher', matcher, **widths))
        self.scenario_classifier = None
        if scenario_classifier is not None:
            self.scenario_classifier = MODELS.build(scenario_classifier)
        self.router = Router(routes, self.scenario_classifier)
        self.base_weights = base_weights
        cast_once(self.backbone)
        cast_once(self.matcher)
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
        if self.text_reading not in TEXT_READINGS:
            raise ValueError(
                f'Unknown test_cfg.text_reading {self.text_reading!r}; choose one of '
                f'{TEXT_READINGS}.'
            )
        self._num_steps = 0
        self._warned_of_text = self._warned_of_base = False
        thawed = self.backbone.thawed_params
        if thawed:
            _warn(
                f'The backbone trains more than the adapter (backbone.{thawed[0]} and '
                f'{len(thawed) - 1} more); the original route changes with it.'
            )

    @property
    def route(self) -> str:
        """str: ``test_cfg['route']``, ``'tuned'`` by default."""
        return self.test_cfg.get('route', 'tuned')

    @property
    def text_reading(self) -> str:
        """str: ``test_cfg['text_reading']``, ``'literal'`` by default."""
        return self.test_cfg.get('text_reading', 'literal')

    def set_route(self, route: str) -> None:
        """Set the route of prediction to ``'tuned'``, ``'original'`` or ``'auto'``."""
        if route not in ROUTES:
            raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
        self.test_cfg['route'] = route

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> list[PoseDataSample]:
        """Predict keypoints, in pixels of the image.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample]): Bboxes and text prompts.

        Returns:
            list[PoseDataSample]: The samples with ``pred_instances`` and ``pred_route``;
            those that were classified with ``pred_scenario``, ``pred_scenario_prob`` and
            ``pred_artificial_prob``; those whose text prompt was read as others, with
            ``read_as``, a :class:`Reading`; and with ``test_cfg['output_attention_maps']``,
            those on the tuned route with ``pred_attention_maps``, see
            :class:`AttentionMaps`.

        Raises:
            ValueError: If attention maps are wanted and there is no text, or a sample takes
                the original route and the base has other keypoints.
        """
        views = [inputs]
        if self.test_cfg.get('flip_test', False):
            views.append(inputs.flip(-1))
        predicted = list(data_samples)
        for route, rows, feats in self._route(views, data_samples):
            samples = [data_samples[row] for row in rows]
            if (
                route == 'original'
                and self.head.base_out_channels != self.head.out_channels
            ):
                raise ValueError(
                    f'The base predicts {self.head.base_out_channels} keypoints, so '
                    f'the original route lacks the {self.head.out_channels} of the '
                    "model; choose the route 'tuned' (model.test_cfg.route=tuned, or "
                    '--route tuned).'
                )
            if route == 'tuned':
                if self._loaded_untuned:
                    self._loaded_untuned = False
                    _warn(UNTUNED)
                text_feats = self.encode_text(samples, inputs.device)  # T
                own_views = [pick(view, rows) for view in views]
                feats = self._extract_views(own_views, text_feats)  # E and R of each view
            preds = self.head.predict(
                feats if len(views) > 1 else feats[0], samples, test_cfg=self.test_cfg
            )
            instances, fields = preds if isinstance(preds, tuple) else (preds, None)
            samples = self.add_pred_to_datasample(instances, fields, samples)
            if route == 'tuned' and self.test_cfg.get('output_attention_maps', False):
                # Of the image itself, not of its mirror image.
                self._add_attention_maps(feats[0][0], text_feats, samples)
            for row, sample in zip(rows, samples, strict=True):
                sample.set_metainfo(dict(pred_route=route))
                predicted[row] = sample
        return predicted

    def loss(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> dict:
        """Compute the losses of the tuned route, the only one that trains.

        Returns:
            dict: The head's losses, averaged over the whole batch, where omitted samples
            count as zero; in every ``accuracy_interval``-th step its accuracy.
        """
        self._loaded_untuned = False
        if not self._has_base and not self._warned_of_base:
            self._warned_of_base = True
            _warn(RANDOM)
        rows = list(range(len(inputs)))
        if self.train_cfg.get('route') == 'auto':
            routes = [self.router.by_annotation(sample) for sample in data_samples]
            # Nothing is classified in training.
            routes = [route or self.router.table['none'] for route in routes]
            rows = [row for row in rows if routes[row] == 'tuned']
        if not rows:
            # Distributed training waits for a gradient of every parameter.
            trained = [p.sum() for p in self.parameters() if p.requires_grad]
            return dict(loss_kpt=0 * torch.stack(trained).sum())
        train_cfg = {**self.train_cfg}
        if not self._count_step():
            train_cfg['compute_acc'] = False
        samples = [data_samples[row] for row in rows]
        text_feats = self.encode_text(samples, inputs.device)
        feats = self.extract_tuned_feat(pick(inputs, rows), text_feats)
        losses = self.head.loss(feats, samples, train_cfg=train_cfg)
        share = len(rows) / len(data_samples)
        return {k: v * share if 'loss' in k else v for k, v in losses.items()}

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict | list[PoseDataSample] | Tensor:
        """Run the model; see :class:`mmpose.models.pose_estimators.base.BasePoseEstimator`.

        Unlike there, ``mode='tensor'`` reads the text prompts of ``data_samples``.
        """
        if mode != 'tensor':
            return super().forward(inputs, data_samples, mode)
        groups = self._extract(inputs, data_samples)
        heatmaps = [self.head(feats) for _, feats in groups]
        if len(groups) == 1:
            return heatmaps[0]
        rows = sum((rows for rows, _ in groups), [])
        return torch.cat(heatmaps)[torch.tensor(rows).argsort()]

    def extract_feat(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample] | None = None
    ) -> tuple[Tensor, ...]:
        """Return ``(E, R)``, or ``(E,)`` on the original route; each B x C x h x w.

        Raises:
            ValueError: If the samples take different routes.
        """
        groups = self._extract(inputs, data_samples)
        if len(groups) > 1:
            raise ValueError(
                "The samples of the batch take different routes on the route 'auto', and "
                'their features do not fit into one tensor; choose a route, or call the '
                'model.'
            )
        return groups[0][1]

    def extract_tuned_feat(
        self, inputs: Tensor, text_feats: TextFeatures | None
    ) -> tuple[Tensor, Tensor]:
        """Return E and R, B x C x h x w each, of images and the text of the batch."""
        (feature_map,) = self.backbone(inputs, text_feats=text_feats)
        return feature_map, self.matcher(feature_map, text_feats)

    # Compiled code would depend on the number, and every step be compiled again.
    @torch.compiler.disable
    def _count_step(self) -> bool:
        """Count a step; return whether its accuracy is wanted."""
        self._num_steps += 1
        return self._num_steps % self.accuracy_interval == 0

    # Compiled code would depend on the text prompts of one batch.
    @torch.compiler.disable
    def encode_text(
        self, data_samples: Sequence[PoseDataSample | None], device: torch.device
    ) -> TextFeatures | None:
        """Encode the text prompts of samples; ``None`` without text encoder."""
        if self.text_encoder is None:
            return None
        infos = [{} if sample is None else sample.metainfo for sample in data_samples]
        prompts = [info.get('text_prompt') for info in infos]
        if None in prompts and not self._warned_of_text:
            self._warned_of_text = True
            _warn(
                f'No text_prompt in a sample; reading {DEFAULT_TEXT_PROMPT!r}. Add '
                "dict(type='AssignTextPrompt') to the pipeline, and 'text_prompt' to the "
                'meta_keys of PackPoseInputs.'
            )
        prompts = [DEFAULT_TEXT_PROMPT if p is None else p for p in prompts]
        if not self.training and self.text_reading == 'known':
            for row, (prompt, sample) in enumerate(zip(prompts, data_samples, strict=True)):
                reading = self.adapter_text.read(prompt)
                if reading is None or not reading.is_near:
                    continue
                prompts[row] = reading.shares
                if sample is not None:
                    sample.set_metainfo(dict(read_as=reading))
        # What a drawn wording stands for, as there are many.
        noted = [i.get('wording_of') or p for i, p in zip(infos, prompts, strict=True)]
        self.adapter_text.note(noted, is_tuned=self.training)
        return self.text_encoder(prompts, device)

    def _route(
        self, views: list[Tensor], data_samples: Sequence[PoseDataSample | None]
    ) -> list[Group]:
        """Group samples by route; compute the frozen features of those not yet tuned."""
        if not len(data_samples) == len(views[0]) > 0:
            raise ValueError(
                f'There are {len(views[0])} images and {len(data_samples)} samples; give '
                'as many, at least one.'
            )
        routes = [self.route] * len(data_samples)
        if self.route == 'auto':
            routes = [self.router.by_annotation(sample) for sample in data_samples]
        frozen = [row for row, route in enumerate(routes) if route != 'tuned']
        groups, feats = [], []
        if frozen:
            feats = [self.backbone(pick(view, frozen), tuned=False) for view in views]
        unknown = [row for row in frozen if routes[row] is None]
        if unknown:
            feature_map = pick(feats[0][0], [frozen.index(row) for row in unknown])
            log_probs = self.scenario_classifier(feature_map)  # B, S
            samples = [data_samples[row] for row in unknown]
            decided = self.router.by_classifier(log_probs, samples)
            for row, (route, decision) in zip(unknown, decided, strict=True):
                routes[row] = route
                _add_decision(data_samples[row], route, decision)
        original = [row for row in frozen if routes[row] == 'original']
        if original:
            kept = [frozen.index(row) for row in original]
            feats = [tuple(pick(feat, kept) for feat in view) for view in feats]
            groups.append(Group('original', original, feats))
        tuned = [row for row, route in enumerate(routes) if route == 'tuned']
        return [*groups, Group('tuned', tuned, [])] if tuned else groups

    def _extract(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample | None] | None
    ) -> list[tuple[list[int], tuple[Tensor, ...]]]:
        """Rows of each route, and what the head reads of them."""
        samples = [None] * len(inputs) if data_samples is None else data_samples
        extracted = []
        for route, rows, feats in self._route([inputs], samples):
            if route == 'tuned':
                text_feats = self.encode_text([samples[row] for row in rows], inputs.device)
                feats = [self.extract_tuned_feat(pick(inputs, rows), text_feats)]
            extracted.append((rows, feats[0]))
        return extracted

    def _extract_views(
        self, views: list[Tensor], text_feats: TextFeatures | None
    ) -> list[tuple[Tensor, Tensor]]:
        """E and R of each view of some images, B x C x h x w each."""
        num_images = len(views[0])
        if len(views) == 1 or num_images > JOIN_VIEWS_UP_TO:
            return [self.extract_tuned_feat(view, text_feats) for view in views]
        if text_feats is not None:
            text_feats = text_feats._replace(index=text_feats.index.repeat(len(views)))
        feats = self.extract_tuned_feat(torch.cat(views), text_feats)  # views * B, C, h, w
        return list(zip(*(feat.split(num_images) for feat in feats), strict=True))

    @torch.no_grad()
    def _add_attention_maps(
        self,
        feature_map: Tensor,
        text_feats: TextFeatures | None,
        data_samples: Sequence[PoseDataSample],
    ) -> None:
        """Add ``pred_attention_maps`` to samples with these E and text."""
        if text_feats is None or getattr(self.text_encoder, 'fresh', False):
            raise ValueError(
                'There are no attention maps, as the model reads '
                f'{"no text" if text_feats is None else "other random states in each call"}'
                '; give it a text encoder, or omit test_cfg.output_attention_maps.'
            )
        _, weights = self.matcher(feature_map, text_feats, need_weights=True)
        for sample, own in zip(data_samples, weights.float().cpu(), strict=True):
            maps = attention_maps_of(sample, own, self.text_encoder, self.matcher.variant)
            sample.set_metainfo(dict(pred_attention_maps=maps))


def pick(tensor: Tensor, rows: list[int]) -> Tensor:
    """Select rows of a batch in order; the tensor itself where they are all."""
    return tensor if len(rows) == len(tensor) else tensor[rows]


def _with_widths(part: str, cfg: dict, **widths: int | None) -> dict:
    """Fill in the widths of a part, or refuse a config that disagrees."""
    for name, width in widths.items():
        if cfg.get(name, width) != width:
            raise ValueError(
                f'{part}.{name} is {cfg[name]!r}, and the backbone or text encoder that it '
                f'follows from makes it {width}; omit {name}.'
            )
    return {**cfg, **widths}


def _add_decision(sample: PoseDataSample, route: str, decision: Decision) -> None:
    """Add the classifier's decision to a sample, and its text prompt if it is read."""
    info = dict(
        pred_scenario=decision.scenario_class.scenario,
        pred_scenario_prob=decision.scenario_prob,
        pred_artificial_prob=decision.artificial_prob,
    )
    if route == 'tuned':
        info['text_prompt'] = decision.scenario_class.text_prompt
    sample.set_metainfo(info)


# Compiled code would break inside the logger.
@torch.compiler.disable
def _warn(text: str) -> None:
    """Log a warning."""
    print_log(text, logger='current', level=logging.WARNING)
