"""Describe random styles in training."""

import json

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from projects.mini_humanart.drawing.style_space.style import Style
from projects.mini_humanart.drawing.style_space.words import describe_style
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT


@TRANSFORMS.register_module()
class DescribeStyle(BaseTransform):
    """Describe the style of an image in other words each time.

    Required Keys:

        - category

    Added Keys:

        - text_prompt (str)

    Args:
        ann_file (str): Annotations whose image records have the styles.
        none_prob (float): How often nothing is said.
    """

    def __init__(self, ann_file: str, none_prob: float = 0.1) -> None:
        with open(ann_file) as file:
            images = json.load(file)['images']
        self.styles = {image['category']: Style(**image['style']) for image in images}
        self.none_prob = none_prob

    def transform(self, results: dict) -> dict:
        """Draw a description."""
        rng = np.random.default_rng(np.random.randint(2**31))
        text_prompt = describe_style(rng, self.styles[results['category']])
        says_nothing = rng.random() < self.none_prob
        results['text_prompt'] = DEFAULT_TEXT_PROMPT if says_nothing else text_prompt
        return results
