"""VLPose: the method's figure as code."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.scenarios import DEFAULT_SENTENCE
from vlpose_mm.models.checkpoint_fit import check_touches
from vlpose_mm.models.text_features import TextFeatures

ROUTES = ('tuned', 'original')


@MODELS.register_module()
class VLPoseEstimator(TopdownPoseEstimator):
    """A top-down pose estimator that is told what kind of picture it looks at.

    `VLPose <https://arxiv.org/abs/2402.14456>`_: ::

        picture  --backbone with prompts--> E --------------+--> head --> heatmaps
        sentence --text encoder--> T --matcher (with E)--> R +

    Backbone, head and text encoder are frozen, except for the parts that are tuned; the
    ``'original'`` route leaves these parts out and is the stock estimator. Widths are
    taken from the backbone and the text encoder. A sample's sentence is its metainfo
    ``text_prompt``, see :class:`AssignTextPrompt`.

    Args:
        backbone (dict): A backbone with prompts, such as
            :class:`PromptedVisionTransformer`.
        text_encoder (dict, optional): Such as :class:`TransformersTextEncoder`; ``None``:
            no words.
        matcher (dict): Such as :class:`RelationMatcher`; widths are filled in.
        head (dict): Such as :class:`DualExtractorInjectorHead`; ``in_channels`` is filled
            in.
        test_cfg (dict, optional): As :class:`mmpose.models.TopdownPoseEstimator`'s, and
            ``route``: ``'tuned'`` (default) or ``'original'``.
        **kwargs: Passed to :class:`mmpose.models.TopdownPoseEstimator`.

    Raises:
        ValueError: If the backbone takes no prompts, there is a neck, the head's
            ``in_channels`` is given and is not the backbone's width, or the route is
            unknown.
    """

    def __init__(
        self,
        backbone: dict,
        text_encoder: dict | None,
        matcher: dict,
        head: dict,
        test_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        if kwargs.get('neck') is not None:
            raise ValueError(
                'VLPoseEstimator has no neck, as its backbones put out one feature map; '
                'leave it away, or set neck=None where the config inherits one.'
            )
        if matcher.keys() & {'embed_dims', 'text_dims'}:
            raise ValueError(
                'The widths of the matcher come from the backbone and the text encoder; '
                'leave embed_dims and text_dims away.'
            )
        built = MODELS.build(backbone)
        if not hasattr(built, 'out_channels'):
            prompted = [name for name in MODELS.module_dict if name.startswith('Prompted')]
            raise ValueError(
                f'{type(built).__name__} takes no prompts; choose one of {prompted}, with '
                'prompt=None if there shall be none.'
            )
        embed_dims = built.out_channels
        if head.get('in_channels', embed_dims) != embed_dims:
            raise ValueError(
                f'head.in_channels is {head["in_channels"]} but the backbone is '
                f'{embed_dims} wide; leave in_channels away.'
            )
        super().__init__(
            # The head needs the width, and MMPose builds both in one go and wants a head:
            # hand it a config that builds what is built already.
            backbone=dict(type=lambda: built),
            head={**head, 'in_channels': embed_dims},
            test_cfg=test_cfg,
            **kwargs,
        )
        self.text_encoder = text_dims = None
        if text_encoder is not None:
            self.text_encoder = MODELS.build(text_encoder)
            text_dims = self.text_encoder.embed_dims
        self.matcher = MODELS.build(
            {**matcher, 'embed_dims': embed_dims, 'text_dims': text_dims}
        )
        self.test_cfg = {**self.test_cfg}
        self.set_route(self.route)
        self._loaded_untuned = self._warned_of_text = False
        thawed = [name for name in self._trained_names() if not _is_added(name)]
        if thawed:
            _warn(
                f'The backbone trains more than prompts ({thawed[0]} and '
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
            route (str): ``'tuned'`` or ``'original'``.

        Raises:
            ValueError: If the route is unknown.
        """
        if route not in ROUTES:
            raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
        self.test_cfg['route'] = route

    @contextmanager
    def original(self) -> Iterator[None]:
        """Use the original weights inside a ``with`` block."""
        route = self.route
        self.set_route('original')
        try:
            yield
        finally:
            self.set_route(route)

    def extract_feat(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
        route: str | None = None,
    ) -> tuple[Tensor, ...]:
        """Compute what the head reads.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample], optional): Where the sentences are;
                without them every picture gets the default one.
            route (str, optional): The route instead of the one that is set.

        Returns:
            tuple[Tensor, ...]: ``(E, R)``, or ``(E,)`` on the original route; each
            B x C x h x w.
        """
        (feats,) = self._extract([inputs], data_samples, route or self.route)
        return feats

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict | list[PoseDataSample] | Tensor:
        """Run the model; see :class:`mmpose.models.BasePoseEstimator`.

        Unlike there, ``mode='tensor'`` reads the sentences of ``data_samples``.
        """
        if mode == 'tensor':
            return self.head(self.extract_feat(inputs, data_samples))
        return super().forward(inputs, data_samples, mode)

    def loss(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> dict:
        """Compute the losses of the tuned route, the only one that trains.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample]): Targets and sentences.

        Returns:
            dict: The head's losses.
        """
        self._loaded_untuned = False
        feats = self.extract_feat(inputs, data_samples, route='tuned')
        return self.head.loss(feats, data_samples, train_cfg=self.train_cfg)

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> list[PoseDataSample]:
        """Predict keypoints, in pixels of the picture.

        Args:
            inputs (Tensor): Images, B x 3 x H x W.
            data_samples (Sequence[PoseDataSample]): Boxes and sentences.

        Returns:
            list[PoseDataSample]: The samples with ``pred_instances``.
        """
        if self._loaded_untuned and self.route == 'tuned':
            self._loaded_untuned = False
            _warn(
                'The checkpoint was never tuned: the tuned route runs on random weights. '
                'Train first, or test with model.test_cfg.route=original.'
            )
        views = [inputs]
        if self.test_cfg.get('flip_test', False):
            views.append(inputs.flip(-1))
        feats = self._extract(views, data_samples, self.route)
        feats = feats if len(views) > 1 else feats[0]
        preds = self.head.predict(feats, data_samples, test_cfg=self.test_cfg)
        instances, fields = preds if isinstance(preds, tuple) else (preds, None)
        return self.add_pred_to_datasample(instances, fields, data_samples)

    def _extract(
        self,
        views: list[Tensor],
        data_samples: Sequence[PoseDataSample] | None,
        route: str,
    ) -> list[tuple[Tensor, ...]]:
        """What the head reads of each view of the same pictures, which share the words."""
        if route == 'original':
            return [self.backbone(view, use_prompts=False) for view in views]
        samples = data_samples or [None] * len(views[0])
        text = self._encode_text(samples, views[0].device)
        feats = []
        for view in views:
            (feature_map,) = self.backbone(view)  # B, C, h, w
            feats.append((feature_map, self.matcher(feature_map, text)))
        return feats

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
                f'No text_prompt in a sample; reading {DEFAULT_SENTENCE!r}. Add '
                "dict(type='AssignTextPrompt') to the pipeline, and 'text_prompt' to the "
                'meta_keys of PackPoseInputs.'
            )
        prompts = [DEFAULT_SENTENCE if p is None else p for p in prompts]
        return self.text_encoder(prompts, device)

    def _trained_names(self) -> list[str]:
        """Names of what is trained."""
        return [name for name, param in self.named_parameters() if param.requires_grad]

    def _fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Refuse a checkpoint that does not fit before any of it is loaded."""
        if not prefix:
            check_touches(self, state_dict)
        # MMEngine loads part by part, so look at all of them first.
        trial = dict(state_dict)
        for part in ('backbone', 'head', 'matcher'):
            start = f'{prefix}{part}.'
            if part != 'matcher' and not any(name.startswith(start) for name in trial):
                raise ValueError(
                    f'The checkpoint has no {start}*, which would stay random for ever; '
                    'use one of a whole ViTPose or VLPose.'
                )
            getattr(self, part).fit_checkpoint(trial, start)
        start = f'{prefix}backbone.prompt'
        if self.backbone.prompts is None and any(name.startswith(start) for name in trial):
            raise ValueError(
                'The checkpoint was tuned with prompts and the config has '
                'backbone.prompt=None; use the config that it was tuned with.'
            )
        given = trial.get(f'{prefix}text_encoder.context')
        own = getattr(self.text_encoder, 'context', None)
        if given is not None and (own is None or own.shape != given.shape):
            raise ValueError(
                f'The checkpoint was tuned with text_encoder.context_tokens={len(given)}, '
                f'each {given.shape[1]} wide; use the config that it was tuned with.'
            )
        tuned = [f'{prefix}{name}' for name in self._trained_names() if _is_added(name)]
        missing = [name for name in tuned if name not in trial]
        # The hook of the head has made the tuned predictor from the original one.
        copied = f'{prefix}head.tuned_final_layer.'
        self._loaded_untuned = all(n in missing or n.startswith(copied) for n in tuned)
        if missing and not self._loaded_untuned:
            raise ValueError(
                f'The checkpoint holds only some of the tuned parts: {missing[0]} is '
                'missing. Use the config that it was tuned with.'
            )


def _is_added(name: str) -> bool:
    """Whether a trained parameter stands beside the stock estimator, not in it."""
    return not name.startswith('backbone.') or name.startswith('backbone.prompt')


def _warn(text: str) -> None:
    """Log a warning."""
    print_log(text, logger='current', level=logging.WARNING)
