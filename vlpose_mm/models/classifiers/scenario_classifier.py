"""Classify the scenario of an image by its frozen features."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from vlpose_mm.datasets.scenarios import REAL

# What a classifier writes into a checkpoint; the last is where PyTorch puts extra state.
STATE = ('weight', 'bias', '_extra_state')
REMEDY = 'write it again with `python -m vlpose_mm.tools.fit_scenario_classifier`'


class ScenarioClass(NamedTuple):
    """A class of images.

    Attributes:
        scenario (str | None): Named as in :data:`SCENARIOS`; ``None``: photos without one.
        group (str | None): Its group in Human-Art, if any.
        text_prompt (str | list[str]): The text prompt of its images.
    """

    scenario: str | None
    group: str | None
    text_prompt: str | list[str]

    @property
    def natural(self) -> bool:
        """bool: Whether its images are photos of people."""
        return self.scenario is None or self.group == REAL


class Decision(NamedTuple):
    """The classification of an image.

    Attributes:
        natural (bool): Whether it is a photo of people.
        scenario_class (ScenarioClass): The most probable class of that side.
        scenario_prob (float): Its probability among all, in [0, 1].
        artificial_prob (float): Probability that it is artificial, in [0, 1].
    """

    natural: bool
    scenario_class: ScenarioClass
    scenario_prob: float
    artificial_prob: float


@MODELS.register_module()
class ScenarioClassifier(nn.Module):
    """Linear discriminant analysis of the frozen backbone's feature map.

    With x the mean of E over its h x w positions, p(class | x) = softmax(W x + b). Nothing
    is trained: W and b are computed from statistics of the training images, by
    :class:`ScenarioClassifierHook` or
    ``python -m vlpose_mm.tools.fit_scenario_classifier``, and saved and loaded with the
    model. A checkpoint without a classifier does not change it.

    Kinds of art that were not trained on are nearer to photos than those that were: a low
    ``shrinkage`` and a ``natural_rate`` below 1 find more of them.

    Args:
        shrinkage (float, optional): Of the covariance, in (0, 1]; by default the one that
            is most likely on held-out training images.
        natural_rate (float, optional): The share of held-out natural training images that
            is to be classified as natural, in (0, 1); by default both sides have half of
            the prior.

    Raises:
        ValueError: If one of them is out of its range.
    """

    def __init__(
        self, shrinkage: float | None = None, natural_rate: float | None = None
    ) -> None:
        super().__init__()
        if shrinkage is not None and not 0 < shrinkage <= 1:
            raise ValueError(f'shrinkage must be in (0, 1], got {shrinkage!r}.')
        if natural_rate is not None and not 0 < natural_rate < 1:
            raise ValueError(f'natural_rate must be in (0, 1), got {natural_rate!r}.')
        self.shrinkage, self.natural_rate = shrinkage, natural_rate
        # The sizes are known when it is fitted or loaded.
        self.register_buffer('weight', torch.zeros(0, 0))  # S, C
        self.register_buffer('bias', torch.zeros(0))  # S
        self.classes: list[ScenarioClass] = []
        self.register_load_state_dict_pre_hook(ScenarioClassifier._fit_checkpoint)

    @property
    def fitted(self) -> bool:
        """bool: Whether it has classes."""
        return bool(self.classes)

    def adapter_params(self) -> list[str]:
        """List the names of the fitted state; none before that."""
        return list(STATE) if self.fitted else []

    def assign(self, classes: list[ScenarioClass], weight: Tensor, bias: Tensor) -> None:
        """Set what was fitted: S classes, the weights W, S x C, and the biases b, S."""
        self.classes = list(classes)
        self.weight = weight.to(self.weight)
        self.bias = bias.to(self.bias)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Return log-probabilities in float32, B x S, from frozen E, B x C x h x w.

        Raises:
            ValueError: If the classifier is not fitted.
        """
        self._check_fitted()
        with torch.autocast(feature_map.device.type, enabled=False):
            pooled = feature_map.float().mean(dim=(2, 3))  # B, C
            return F.linear(pooled, self.weight, self.bias).log_softmax(dim=1)  # B, S

    def decide(self, log_probs: Tensor, bbox_scores: Tensor | None = None) -> Decision:
        """Classify an image by all of its instances.

        It is natural where the natural classes have at least half of the probability, and
        of the most probable class of that side. Probabilities are the weighted geometric
        mean over instances, normalized.

        Args:
            log_probs (Tensor): Of each instance, N x S.
            bbox_scores (Tensor, optional): Their weights, N, at least 0; equal by default.

        Raises:
            ValueError: If the classifier is not fitted.
        """
        self._check_fitted()
        if bbox_scores is None:
            bbox_scores = log_probs.new_ones(len(log_probs))
        # All scores of an image may be 0.
        weights = bbox_scores.to(log_probs).clamp(min=1e-6)  # N
        mean = (weights / weights.sum()) @ log_probs  # S
        probs = mean.softmax(dim=0).tolist()
        sides = [each.natural for each in self.classes]
        artificial_prob = sum(probs[i] for i, side in enumerate(sides) if not side)
        natural = artificial_prob <= 0.5
        own_side = [i for i, side in enumerate(sides) if side == natural]
        best = max(own_side, key=probs.__getitem__)
        return Decision(natural, self.classes[best], probs[best], min(artificial_prob, 1.0))

    def get_extra_state(self) -> Tensor:
        """Return the classes as JSON in UTF-8, a uint8 tensor as MMEngine requires."""
        text = json.dumps(self.classes)
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Read the classes that :meth:`get_extra_state` wrote."""
        self.classes = _read_classes(state)

    def _check_fitted(self) -> None:
        if not self.fitted:
            raise ValueError(
                'The scenario classifier is not fitted. Train with '
                'custom_hooks=[dict(type="ScenarioClassifierHook")], '
                'add a classifier to the checkpoint with '
                '`python -m vlpose_mm.tools.fit_scenario_classifier`, or omit '
                'model.scenario_classifier.'
            )

    def _fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: take the sizes of the checkpoint, or refuse it."""
        missing = [name for name in STATE if f'{prefix}{name}' not in state_dict]
        if len(missing) == len(STATE):
            own = (self.weight, self.bias, self.get_extra_state())
            names = [f'{prefix}{name}' for name in STATE]
            state_dict.update(zip(names, own, strict=True))
            return
        if missing:
            raise ValueError(
                f'The checkpoint lacks {prefix}{missing[0]}, but has other parts of the '
                f'scenario classifier; {REMEDY}.'
            )
        weight, bias, state = (state_dict[f'{prefix}{name}'] for name in STATE)
        count = len(_read_classes(state))
        if weight.ndim != 2 or len(weight) != count or bias.shape != (count,):
            raise ValueError(
                f'The checkpoint names {count} classes of images, and its scenario '
                f'classifier has weights of shape {tuple(weight.shape)} and '
                f'{tuple(bias.shape)}; {REMEDY}.'
            )
        self.weight = self.weight.new_zeros(weight.shape)
        self.bias = self.bias.new_zeros(bias.shape)

    def _apply(self, *args: object, **kwargs: object) -> 'ScenarioClassifier':
        """Move, but stay in float32: half precision changes scores by whole units."""
        own = dict(self._buffers)
        super()._apply(*args, **kwargs)
        for name, tensor in own.items():
            if self._buffers[name].dtype != tensor.dtype:
                self._buffers[name] = tensor.to(self._buffers[name].device)
        return self


def bbox_scores_of(samples: Sequence[PoseDataSample]) -> Tensor:
    """Return the bbox scores of samples, N; 1 where there is none."""
    instances = [sample.get('gt_instances', {}) for sample in samples]
    return torch.tensor([float(i.get('bbox_scores', [1.0])[0]) for i in instances])


def _read_classes(state: Tensor) -> list[ScenarioClass]:
    """Decode :meth:`ScenarioClassifier.get_extra_state`."""
    try:
        return [ScenarioClass(*each) for each in json.loads(bytes(state.cpu().tolist()))]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            'The checkpoint does not name the classes of its scenario classifier '
            f'({type(error).__name__}: {error}); {REMEDY}.'
        ) from error
