"""Both models compute the same on the original route."""

import pytest
import torch

from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_optimizer, build_pair
from projects.benchmark.samples import make_batch


def test_both_compute_the_same_on_the_original_route(bench_cfg: dict) -> None:
    bench_cfg['optim_wrapper'].update(
        constructor='LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(num_layers=3, layer_decay_rate=0.5),
    )
    base, vlpose = build_pair(bench_cfg, Conditions())
    inputs = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        for route, equal in (('original', True), ('tuned', False)):
            vlpose.set_route(route)
            assert torch.equal(base(inputs, None), vlpose(inputs)) == equal
    for model in (base, vlpose):
        # The config stays as it is, and its optimizer trains both.
        model.test_cfg['flip_test'] = False
        groups = build_optimizer(model, bench_cfg).optimizer.param_groups
        updated = {id(p) for group in groups for p in group['params']}
        assert updated == {id(p) for p in model.parameters() if p.requires_grad}
    assert bench_cfg['model']['test_cfg']['flip_test'] is True
    assert all(p.requires_grad for p in base.head.parameters())


@pytest.mark.parametrize('dtype', ['float32', 'bf16'])
def test_heatmaps_can_be_decoded_in_every_precision(bench_cfg: dict, dtype: str) -> None:
    conditions = Conditions(dtype=dtype)
    for model in build_pair(bench_cfg, conditions):
        with torch.no_grad(), conditions.autocast():
            samples = model.test_step(make_batch(bench_cfg, 2))
        for sample in samples:
            assert sample.pred_instances.keypoints.shape == (1, 17, 2)
            assert sample.pred_instances.keypoint_scores.dtype == 'float32'


def test_refuses_what_cannot_be_compared(bench_cfg: dict, base_cfg: dict) -> None:
    with pytest.raises(ValueError, match='TopdownPoseEstimator is not a VLPoseEstimator'):
        build_pair(dict(model=base_cfg), Conditions())
    with pytest.raises(ValueError, match='has no `model`; give the config of a VLPose'):
        build_pair({}, Conditions())
    bench_cfg['optim_wrapper']['type'] = 'AmpOptimWrapper'
    with pytest.raises(ValueError, match="'AmpOptimWrapper', which would choose the dtype"):
        build_optimizer(torch.nn.Linear(1, 1), bench_cfg)
