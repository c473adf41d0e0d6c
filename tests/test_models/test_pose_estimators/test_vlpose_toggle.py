"""The original route is the stock estimator, whatever has become of the tuned parts."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
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
HALVES = [torch.float16, torch.bfloat16]


@pytest.fixture
def pair(base_cfg: dict, vlpose_cfg: dict, make_sample: Callable) -> Pair:
    """A stock estimator, and a VLPose that was tuned from its weights."""
    stock, model = build(base_cfg).eval(), build(vlpose_cfg)
    load_state_dict(model, stock.state_dict())
    train(model, make_sample)
    return stock, model.eval()


@pytest.fixture
def batch(make_sample: Callable) -> Batch:
    """Two images and what the model is told of them."""
    return torch.randn(2, 3, 128, 96), [
        make_sample(text_prompt) for text_prompt in TEXT_PROMPTS[:2]
    ]


@torch.no_grad()
def assert_toggles(stock: nn.Module, model: nn.Module, batch: Batch) -> None:
    """Assert that the model is the stock one on its original route, and only there."""
    expected = stock(*batch)
    tuned = model(*batch)
    assert not torch.equal(tuned, expected)
    with model.disable_adapter():
        assert torch.equal(model(*batch), expected)
    assert torch.equal(model(*batch), tuned)


def assert_same_people(got: list[PoseDataSample], expected: list[PoseDataSample]) -> None:
    for ours, theirs in zip(got, expected, strict=True):
        for key in ('keypoints', 'keypoint_scores'):
            assert np.array_equal(ours.pred_instances[key], theirs.pred_instances[key])


def test_after_tuning_heatmaps_and_keypoints_are_the_stock_ones_bit_for_bit(
    pair: Pair, batch: Batch
) -> None:
    stock, model = pair
    assert_toggles(stock, model, batch)
    images, samples = batch
    with torch.no_grad(), model.disable_adapter():
        got = model.predict(images, copy.deepcopy(samples))
    assert_same_people(got, stock.predict(images, samples))


def test_after_saving_loading_and_tuning_on_it_is_still_the_stock_one(
    pair: Pair, batch: Batch, vlpose_cfg: dict, make_sample: Callable, tmp_path: Path
) -> None:
    stock, model = pair
    path = str(tmp_path / 'tuned.pth')
    write_file(dict(state_dict=model.state_dict()), path)
    other = MODELS.build(vlpose_cfg)
    load_checkpoint(other, path, map_location='cpu')
    assert torch.equal(other.eval()(*batch), model(*batch))
    assert_toggles(stock, other, batch)
    train(other, make_sample)
    assert_toggles(stock, other.eval(), batch)


@pytest.mark.parametrize('dtype', HALVES, ids=str)
def test_in_half_precision_it_is_the_stock_one_in_half_precision(
    dtype: torch.dtype, pair: Pair, batch: Batch
) -> None:
    stock, model = (net.to(dtype) for net in pair)
    images, samples = batch
    assert stock(images.to(dtype), samples).dtype == dtype
    assert_toggles(stock, model, (images.to(dtype), samples))


@pytest.mark.parametrize('dtype', HALVES, ids=str)
def test_under_autocast_it_is_the_stock_one_under_autocast(
    dtype: torch.dtype, pair: Pair, batch: Batch
) -> None:
    stock, model = pair
    with torch.autocast('cpu', dtype):
        assert stock(*batch).dtype == dtype
        assert_toggles(stock, model, batch)


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_model_toggles_to_the_compiled_stock_one(
    pair: Pair, batch: Batch
) -> None:
    stock, model = pair
    expected, tuned = stock(*batch), model(*batch)
    compiled_stock, compiled = torch.compile(stock), torch.compile(model)
    torch.testing.assert_close(compiled(*batch), tuned)
    # What is compiled hands on the methods of what it wraps.
    for toggled in (compiled, model):
        with toggled.disable_adapter():
            got = compiled(*batch)
        torch.testing.assert_close(got, compiled_stock(*batch), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(compiled(*batch), tuned)
    compiled.set_route('original')
    assert torch.equal(compiled(*batch), got)
    model.set_route('tuned')
    torch.testing.assert_close(compiled(*batch), tuned)


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_model_is_not_compiled_anew_for_other_text_prompts(
    pair: Pair, make_sample: Callable
) -> None:
    model, images = pair[1], torch.randn(2, 3, 128, 96)
    compiled = torch.compile(model, backend='eager')
    first, second, third = (make_sample(text_prompt) for text_prompt in TEXT_PROMPTS)
    # The second time the number of tokens is noticed to differ.
    for samples in ([first, third], [second, third]):
        compiled(images, samples)
    with torch.compiler.set_stance('fail_on_recompile'):
        got = compiled(images, [second, first])
    torch.testing.assert_close(got, model(images, [second, first]))


def fail(module: nn.Module, inputs: tuple) -> None:
    raise AssertionError(f'{type(module).__name__} ran on the original path')


def by_context(model: nn.Module) -> AbstractContextManager:
    return model.disable_adapter()


def by_route(model: nn.Module) -> AbstractContextManager:
    model.set_route('original')
    return torch.no_grad()


def by_config(model: nn.Module) -> AbstractContextManager:
    model.test_cfg['route'] = 'original'
    return torch.no_grad()


@pytest.mark.parametrize('toggle', [by_context, by_route, by_config])
def test_nothing_that_was_tuned_runs_on_the_original_path(
    toggle: Callable,
    pair: Pair,
    batch: Batch,
    make_sample: Callable,
    warned: list[str],
) -> None:
    stock, model = pair
    images, samples = batch
    expected = stock.predict(images, copy.deepcopy(samples))
    parts = (
        model.text_encoder,
        model.matcher,
        *model.head.aux_deconv_layers,
        model.head.tuned_final_layer,
    )
    for part in parts:
        part.register_forward_pre_hook(fail)
    with pytest.raises(AssertionError, match='PrecomputedTextEncoder ran'):
        model(*batch)
    with torch.no_grad(), toggle(model):
        model(*batch)
        assert_same_people(model.predict(images, copy.deepcopy(samples)), expected)
        assert_same_people(model.predict(images, [make_sample(), make_sample()]), expected)
        assert torch.equal(model(images), stock(images, None))
    assert not warned


def test_the_route_comes_back_after_an_error(pair: Pair) -> None:
    model = pair[1]
    with pytest.raises(RuntimeError, match='broke off'), model.disable_adapter():
        with model.disable_adapter():
            assert model.route == 'original'
        assert model.route == 'original'
        raise RuntimeError('broke off')
    assert model.route == 'tuned'
