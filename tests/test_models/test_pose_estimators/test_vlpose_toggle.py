"""The original route equals MMPose's estimator bit for bit, whatever was tuned."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.checkpoint.io import write_file

Pair = tuple[nn.Module, nn.Module]
Batch = tuple[Tensor, list[PoseDataSample]]


@pytest.fixture
def pair(base_cfg: dict, vlpose_cfg: dict, make_sample: Callable) -> Pair:
    """MMPose's estimator, and a VLPose tuned from its weights."""
    base, model = build(base_cfg).eval(), build(vlpose_cfg)
    load_state_dict(model, base.state_dict())
    train(model, make_sample)
    return base, model.eval()


@pytest.fixture
def batch(make_batch: Callable) -> Batch:
    return make_batch(*TEXT_PROMPTS[:2])


@torch.no_grad()
def assert_toggles(base: nn.Module, model: nn.Module, batch: Batch) -> None:
    """Assert that the model equals MMPose's on its original route, and only there."""
    expected, tuned = base(*batch), model(*batch)
    assert not torch.equal(tuned, expected)
    with model.disable_adapter():
        assert torch.equal(model(*batch), expected)
    assert torch.equal(model(*batch), tuned)


@pytest.mark.fast
def test_after_tuning_saving_loading_and_tuning_again_it_equals_the_base(
    pair: Pair, batch: Batch, vlpose_cfg: dict, make_sample: Callable, tmp_path: Path
) -> None:
    base, model = pair
    assert_toggles(base, model, batch)
    path = str(tmp_path / 'tuned.pth')
    write_file(dict(state_dict=model.state_dict()), path)
    other = MODELS.build(vlpose_cfg)
    load_checkpoint(other, path, map_location='cpu')
    assert torch.equal(other.eval()(*batch), model(*batch))
    assert_toggles(base, other, batch)
    train(other, make_sample)
    assert_toggles(base, other.eval(), batch)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
def test_in_half_precision_and_under_autocast_it_equals_the_base_there(
    dtype: torch.dtype, pair: Pair, batch: Batch
) -> None:
    base, model = pair
    with torch.autocast('cpu', dtype):
        assert base(*batch).dtype == dtype
        assert_toggles(base, model, batch)
    images, samples = batch
    assert base.to(dtype)(images.to(dtype), samples).dtype == dtype
    assert_toggles(base, model.to(dtype), (images.to(dtype), samples))


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_model_toggles_to_the_compiled_base(pair: Pair, batch: Batch) -> None:
    base, model = pair
    expected, tuned = base(*batch), model(*batch)
    compiled_base, compiled = torch.compile(base), torch.compile(model)
    torch.testing.assert_close(compiled(*batch), tuned)
    # A compiled module forwards the methods of the module it wraps.
    for toggled in (compiled, model):
        with toggled.disable_adapter():
            got = compiled(*batch)
        torch.testing.assert_close(got, compiled_base(*batch), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(compiled(*batch), tuned)
    compiled.set_route('original')
    assert torch.equal(compiled(*batch), got)
    model.set_route('tuned')
    torch.testing.assert_close(compiled(*batch), tuned)


@torch.no_grad()
def test_nothing_that_was_tuned_runs_on_the_original_route(
    pair: Pair, batch: Batch, make_batch: Callable, warned: list[str]
) -> None:
    base, model = pair
    images, samples = batch
    want = base.predict(images, copy.deepcopy(samples))
    tuned = [model.text_encoder, model.matcher, model.head.tuned_final_layer]
    ran = []
    for part in (*tuned, *model.head.aux_deconv_layers):
        part.register_forward_pre_hook(lambda module, args: ran.append(module))
    model(*batch)
    assert {*tuned} < {*ran}
    for toggle in (
        lambda: model.disable_adapter(),
        lambda: nullcontext(model.set_route('original')),
        lambda: nullcontext(model.test_cfg.update(route='original')),
    ):
        ran.clear()
        model.set_route('tuned')
        with toggle():
            assert torch.equal(model(images), base(images, None))
            for some in (copy.deepcopy(samples), make_batch(None, None)[1]):
                for ours, theirs in zip(model.predict(images, some), want, strict=True):
                    for key in ('keypoints', 'keypoint_scores'):
                        got = ours.pred_instances[key]
                        assert np.array_equal(got, theirs.pred_instances[key])
        assert not ran
    assert not warned


def test_the_route_comes_back_after_an_error(vlpose_cfg: dict) -> None:
    model = MODELS.build(vlpose_cfg)
    with pytest.raises(RuntimeError, match='broke off'), model.disable_adapter():
        with model.disable_adapter():
            assert model.route == 'original'
        assert model.route == 'original'
        raise RuntimeError('broke off')
    assert model.route == 'tuned'


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_model_is_not_recompiled_for_other_text_prompts(
    pair: Pair, make_batch: Callable
) -> None:
    model = pair[1]
    images, (first, second, third) = make_batch(*TEXT_PROMPTS)
    compiled = torch.compile(model, backend='eager')
    # The second time the number of tokens is noticed to differ.
    for samples in ([first, third], [second, third]):
        compiled(images[:2], samples)
    with torch.compiler.set_stance('fail_on_recompile'):
        got = compiled(images[:2], [second, first])
    torch.testing.assert_close(got, model(images[:2], [second, first]))
