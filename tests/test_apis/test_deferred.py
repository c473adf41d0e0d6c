"""Decoding that is put off gives what decoding at once does."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import merge_data_samples

from vlpose_mm.apis.deferred import deferred_decoding, samples_in_place, upload
from vlpose_mm.apis.predictor import _merged


@pytest.mark.parametrize('kind', ['vlpose_cfg', 'base_cfg'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_instances_are_added_when_they_are_asked_for(
    kind, dtype, make_sample, request
) -> None:
    model = MODELS.build(request.getfixturevalue(kind)).eval()
    model.test_cfg = {**model.test_cfg, 'output_heatmaps': True}
    inputs = torch.rand(2, 3, 128, 96)
    prompts = ['a cartoon of a person', 'a mural of a person']

    def predict() -> list:
        samples = [make_sample(prompt) for prompt in prompts]
        return model.predict(inputs, samples)

    autocast = torch.autocast('cpu', dtype, enabled=dtype != torch.float32)
    with torch.no_grad(), autocast, deferred_decoding(model) as decode:
        samples = predict()
    assert all('pred_instances' not in sample for sample in samples)
    decode()
    if kind == 'base_cfg' and dtype == torch.bfloat16:
        # MMPose itself decodes no bf16.
        assert all(isinstance(sample.pred_instances, InstanceData) for sample in samples)
        return
    with torch.no_grad(), autocast:
        expected = predict()
    for sample, other in zip(samples, expected, strict=True):
        for key in ('keypoints', 'keypoint_scores', 'bboxes'):
            found = sample.pred_instances[key]
            np.testing.assert_array_equal(found, other.pred_instances[key])
        assert torch.equal(sample.pred_fields.heatmaps, other.pred_fields.heatmaps)


def test_crops_for_a_cpu_stay_where_they_are() -> None:
    packed = [dict(inputs=torch.zeros(3, 8, 8, dtype=torch.uint8))]
    assert upload(packed, torch.device('cpu')) is packed


def test_samples_stay_where_they_are(vlpose_cfg, make_sample) -> None:
    vlpose_cfg['data_preprocessor'] = dict(type='PoseDataPreprocessor')
    model = MODELS.build(vlpose_cfg).eval()
    sample = make_sample('a mural of a person')
    data = dict(inputs=[torch.rand(3, 128, 96)], data_samples=[sample])
    with samples_in_place(model), torch.no_grad():
        (found,) = model.test_step(data)
    assert found is sample and found.metainfo['batch_input_shape'] == (128, 96)
    with torch.no_grad():
        (copied,) = model.test_step(data)
    assert copied is not sample
    for key in ('keypoints', 'keypoint_scores'):
        np.testing.assert_array_equal(found.pred_instances[key], copied.pred_instances[key])


def test_a_single_sample_is_merged_as_mmpose_merges_it(demo, sketches) -> None:
    (result,) = demo(sketches[0], True, merge_results=False)
    (sample,) = result['predictions']
    expected, found = merge_data_samples([sample]), _merged([sample])
    assert {*found.all_keys()} == {*expected.all_keys()}
    assert found.pred_instances is expected.pred_instances
