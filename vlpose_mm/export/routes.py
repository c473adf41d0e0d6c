"""Both routes of a VLPose as functions of tensors alone."""

from collections.abc import Sequence

from torch import Tensor, nn

from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders.base import Prompt, TextFeatures


class OriginalRoute(nn.Module):
    """The original weights, and the scenario classifier if there is one."""

    def __init__(self, model: VLPoseEstimator) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, text_prompt: Tensor) -> tuple[Tensor, ...]:
        """Run the route.

        Args:
            images (Tensor): Normalized crops, B x 3 x H x W.
            text_prompt (Tensor): Ignored; both routes have the same inputs.

        Returns:
            tuple[Tensor, ...]: Heatmaps, B x K x h x w; with a classifier,
            log-probabilities of its classes, B x S.
        """
        feats = self.model.backbone(images, tuned=False)  # B, C, h, w
        heatmaps = self.model.head(feats)  # B, K, h, w
        classifier = self.model.scenario_classifier
        if classifier is None:
            return (heatmaps,)
        return heatmaps, classifier(feats[0])


class TunedRoute(nn.Module):
    """The tuned weights with a list of text prompts to choose from.

    Args:
        model (VLPoseEstimator): The model.
        prompts (Sequence[str | Sequence[str]]): The text prompts; ignored without text
            encoder.
    """

    def __init__(self, model: VLPoseEstimator, prompts: Sequence[Prompt]) -> None:
        super().__init__()
        self.model = model
        self.text_feats: TextFeatures | None = None
        if model.text_encoder is not None:
            self.text_feats = model.text_encoder(prompts)

    def forward(self, images: Tensor, text_prompt: Tensor) -> tuple[Tensor, ...]:
        """Run the route.

        Args:
            images (Tensor): Normalized crops, B x 3 x H x W.
            text_prompt (Tensor): Index of the text prompt of each, B.

        Returns:
            tuple[Tensor, ...]: Heatmaps, B x K x h x w; with a classifier, which sees the
            original route alone, log-probabilities of no image, 0 x S.
        """
        text_feats = self.text_feats
        if text_feats is not None:
            text_feats = text_feats._replace(index=text_prompt)
        feats = self.model.extract_tuned_feat(images, text_feats)
        heatmaps = self.model.head(feats)  # B, K, h, w
        classifier = self.model.scenario_classifier
        if classifier is None:
            return (heatmaps,)
        # Computed from the heatmaps: a branch of a graph cannot return a constant.
        none = heatmaps[:0].flatten(1)[:, : len(classifier.classes)]  # 0, S
        return heatmaps, none
