"""Fixtures of the tests of VLPoseEstimator."""

from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def make_batch(make_sample: Callable) -> Callable:
    """Make random images and their samples with these text prompts (``None``: without)."""
    return lambda *text_prompts: (
        torch.randn(len(text_prompts), 3, 128, 96),
        [make_sample(text_prompt) for text_prompt in text_prompts],
    )
