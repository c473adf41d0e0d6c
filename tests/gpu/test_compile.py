"""torch.compile computes what eager mode does, in prediction and in training."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from projects.benchmark.model_pair import ModelPair
from projects.benchmark.samples import make_batch
from tests.gpu.test_routes import distance, heatmaps


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    torch.compiler.reset()


@pytest.mark.parametrize('route', ['original', 'tuned'])
def test_both_routes_compile(config: Path, pair: ModelPair, route: str) -> None:
    batch = make_batch(Config.fromfile(config), 4)
    batch = pair.vlpose.data_preprocessor(batch, training=False)
    expected = heatmaps(pair.vlpose, batch, route)
    pair.vlpose.compile()
    assert distance(heatmaps(pair.vlpose, batch, route), expected) < 1e-3


def test_a_compiled_training_step_has_the_same_gradients(
    config: Path, pair: ModelPair
) -> None:
    batch = make_batch(Config.fromfile(config), 4)
    batch = pair.vlpose.data_preprocessor(batch, training=True)

    def gradient() -> torch.Tensor:
        pair.vlpose.zero_grad()
        # Not train(): dropout would differ.
        pair.vlpose(**batch, mode='loss')['loss_kpt'].backward()
        return pair.vlpose.head.tuned_final_layer.weight.grad.clone()

    expected = gradient()
    pair.vlpose.compile()
    assert distance(gradient(), expected) < 1e-2
