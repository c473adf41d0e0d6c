"""Both models compute the same on the original route."""

import pytest
import torch

from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_optimizer, build_pair
from projects.benchmark.samples import make_batch


def test_both_compute_the_same_on_the_original_route(bench_cfg: dict) -> None:
    base, vlpose = build_pair(bench_cfg, Conditions())
    inputs = torch.randn(2, 3, 128, 96)
    vlpose.set_route('original')
    with torch.no_grad():
        assert torch.equal(base(inputs, None), vlpose(inputs))
        vlpose.set_route('tuned')
        assert not torch.equal(base(inputs, None), vlpose(inputs))


def test_the_config_stays_as_it_is(bench_cfg: dict) -> None:
    base, vlpose = build_pair(bench_cfg, Conditions())
    for model in (base, vlpose):
        model.test_cfg['flip_test'] = False
    assert bench_cfg['model']['test_cfg']['flip_test'] is True


def test_both_train_with_the_optimizer_of_the_config(bench_cfg: dict) -> None:
    bench_cfg['optim_wrapper'].update(
        constructor='LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(num_layers=3, layer_decay_rate=0.5),
    )
    base, vlpose = build_pair(bench_cfg, Conditions())
    for model in (base, vlpose):
        groups = build_optimizer(model, bench_cfg).optimizer.param_groups
        updated = {id(p) for group in groups for p in group['params']}
        assert updated == {id(p) for p in model.parameters() if p.requires_grad}
    assert all(p.requires_grad for p in base.head.parameters())


@pytest.mark.parametrize('dtype', ['float32', 'bf16'])
def test_heatmaps_can_be_decoded_in_every_precision(bench_cfg: dict, dtype: str) -> None:
    conditions = Conditions(dtype=dtype)
    for model in build_pair(bench_cfg, conditions):
        batch = make_batch(bench_cfg, 2)
        with torch.no_grad(), conditions.autocast():
            samples = model.test_step(batch)
        for sample in samples:
            assert sample.pred_instances.keypoints.shape == (1, 17, 2)
            assert sample.pred_instances.keypoint_scores.dtype == 'float32'


def test_refuses_what_is_no_vlpose(base_cfg: dict) -> None:
    with pytest.raises(ValueError, match='TopdownPoseEstimator is not a VLPoseEstimator'):
        build_pair(dict(model=base_cfg), Conditions())
    with pytest.raises(ValueError, match='has no `model`; give the config of a VLPose'):
        build_pair({}, Conditions())


def test_a_wrapper_that_chooses_the_dtype_is_refused(bench_cfg: dict) -> None:
    bench_cfg['optim_wrapper']['type'] = 'AmpOptimWrapper'
    pair = build_pair(bench_cfg, Conditions())
    with pytest.raises(ValueError, match="'AmpOptimWrapper', which would choose the dtype"):
        build_optimizer(pair.vlpose, bench_cfg)
