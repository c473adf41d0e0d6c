"""Estimators for the tests of VLPoseEstimator."""

from collections.abc import Callable

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS

from vlpose_mm.datasets.scenarios import SCENARIOS

TEXT_PROMPTS = [SCENARIOS[name].text_prompt for name in ('sketch', 'garage_kits', 'mural')]


def build(cfg: dict) -> torch.nn.Module:
    """Build a model with random weights and statistics in every place."""
    model = MODELS.build(cfg)
    model.init_weights()
    for name, tensor in model.state_dict().items():
        if 'running' in name or 'ln' in name:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
        elif tensor.is_floating_point():
            # Words must weigh enough to be seen in the heatmaps.
            torch.nn.init.normal_(tensor, std=0.4 if 'matcher' in name else 0.1)
    return model


def train(model: torch.nn.Module, make_sample: Callable, steps: int = 3) -> None:
    """Train some steps as a runner does."""
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    wrapper = OptimWrapper(torch.optim.AdamW(trained, lr=0.01, weight_decay=0.1))
    for _ in range(steps):
        samples = [make_sample(text_prompt) for text_prompt in TEXT_PROMPTS]
        images = [torch.randn(3, 128, 96) for _ in samples]
        model.train_step(dict(inputs=images, data_samples=samples), wrapper)
