"""Synthetic batches."""

import numpy as np

from projects.benchmark.samples import make_batch, scenario_text_prompts
from vlpose_mm.datasets.scenarios import SCENARIOS, all_text_prompts


def test_samples_are_those_of_the_scenarios_in_turn(bench_cfg: dict) -> None:
    batch = make_batch(bench_cfg, 23, every_second=dict(route='original'))
    samples = batch['data_samples']
    assert [image.shape for image in batch['inputs']] == [(3, 128, 96)] * 23
    prompts = [sample.metainfo['text_prompt'] for sample in samples]
    assert prompts[0] == SCENARIOS['acrobatics'].text_prompt
    assert set(prompts) == {*all_text_prompts()}
    assert prompts[20:] == prompts[:3]
    routes = [sample.metainfo.get('route') for sample in samples]
    assert routes[:4] == [None, 'original', None, 'original']
    assert samples[0].gt_fields.heatmaps.shape == (17, 32, 24)
    assert samples[0].gt_instance_labels.keypoint_weights.shape == (1, 17)
    assert np.array_equal(samples[0].metainfo['input_size'], (96, 128))


def test_the_text_prompts_are_those_of_the_configs_pipeline(bench_cfg: dict) -> None:
    pipeline = bench_cfg['train_dataloader']['dataset']['pipeline']
    assign = next(t for t in pipeline if t['type'] == 'AssignTextPrompt')
    assign['per_keypoint'] = True
    first = scenario_text_prompts(bench_cfg)[0]
    assert set(first) == {'text_prompt', 'text_source', 'scenario', 'group'}
    assert len(first['text_prompt']) == 17
    assert first['text_prompt'][0].startswith('the nose in ')
    del bench_cfg['train_dataloader']
    *samples, last = scenario_text_prompts(bench_cfg)
    prompts = [scenario.text_prompt for scenario in SCENARIOS.values()]
    assert [sample['text_prompt'] for sample in samples] == prompts
    assert last['text_source'] == 'none'
