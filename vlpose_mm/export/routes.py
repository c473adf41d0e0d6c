"""Both routes of a VLPose as functions of tensors alone."""

from collections.abc import Sequence

from torch import Tensor, nn

from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders.base import Prompt, TextFeatures


class OriginalRoute(nn.Module):
    """The original weights, and what kind of image the classifier sees, if there is one.

    Args:
        model (VLPoseEstimator): The model.
    """

    def __init__(self, model: VLPoseEstimator) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, text_prompt: Tensor) -> tuple[Tensor, ...]:
        """Run the route.

        Args:
            images (Tensor): Normalized crops, B x 3 x H x W.
            text_prompt (Tensor): Not read.

        Returns:
            tuple[Tensor, ...]: Heatmaps, B x K x h x w; with a classifier,
            log-probabilities of the kinds of images, B x S.
        """
        feats = self.model.backbone(images, tuned=False)  # B, C, h, w
        heatmaps = self.model.head(feats)
        classifier = self.model.scenario_classifier
        if classifier is None:
            return (heatmaps,)
        return heatmaps, classifier(feats[0])


class TunedRoute(nn.Module):
    """The tuned weights, told one of a list of text prompts.

    Args:
        model (VLPoseEstimator): The model.
        prompts (Sequence[str | Sequence[str]]): What can be told; not read if the model
            reads no words.
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
            text_prompt (Tensor): Which text prompt each is told, B.

        Returns:
            tuple[Tensor, ...]: Heatmaps, B x K x h x w; with a classifier, which sees the
            original route alone, log-probabilities of no image, 0 x S.
        """
        text_feats = (
            None if self.text_feats is None else self.text_feats._replace(index=text_prompt)
        )
        heatmaps = self.model.head(self.model.extract_tuned_feat(images, text_feats))
        classifier = self.model.scenario_classifier
        if classifier is None:
            return (heatmaps,)
        # Of the heatmaps, as a branch of a graph cannot put out a constant.
        none = heatmaps[:0, 0, 0, :1].expand(-1, len(classifier.classes))  # 0, S
        return heatmaps, none
