"""Synthetic batches."""

import numpy as np

from projects.benchmark.samples import make_batch, scenario_text_prompts
from vlpose_mm.datasets.scenarios import SCENARIOS, all_text_prompts


def test_samples_are_those_of_the_scenarios_in_turn(bench_cfg: dict) -> None:
    batch = make_batch(bench_cfg, 23)
    assert len(batch['inputs']) == 23
    assert batch['inputs'][0].shape == (3, 128, 96)
    prompts = [sample.metainfo['text_prompt'] for sample in batch['data_samples']]
    assert prompts[0] == SCENARIOS['acrobatics'].text_prompt
    assert set(prompts) == {*all_text_prompts()}
    assert prompts[20:] == prompts[:3]


def test_targets_are_those_of_the_heads_codec(bench_cfg: dict) -> None:
    (sample,) = make_batch(bench_cfg, 1)['data_samples']
    assert sample.gt_fields.heatmaps.shape == (17, 32, 24)
    assert sample.gt_instance_labels.keypoint_weights.shape == (1, 17)
    assert np.array_equal(sample.metainfo['input_size'], (96, 128))


def test_every_second_sample_can_be_another(bench_cfg: dict) -> None:
    batch = make_batch(bench_cfg, 4, every_second=dict(route='original'))
    routes = [sample.metainfo.get('route') for sample in batch['data_samples']]
    assert routes == [None, 'original', None, 'original']


def test_the_text_prompts_are_those_of_the_configs_pipeline(bench_cfg: dict) -> None:
    pipeline = bench_cfg['train_dataloader']['dataset']['pipeline']
    assign = next(t for t in pipeline if t['type'] == 'AssignTextPrompt')
    assign['per_keypoint'] = True
    first = scenario_text_prompts(bench_cfg)[0]
    assert set(first) == {'text_prompt', 'text_source', 'scenario', 'group'}
    assert len(first['text_prompt']) == 17
    assert first['text_prompt'][0].startswith('the nose in ')
    del bench_cfg['train_dataloader']
    samples = scenario_text_prompts(bench_cfg)
    assert [sample['text_prompt'] for sample in samples[:-1]] == [
        scenario.text_prompt for scenario in SCENARIOS.values()
    ]
    assert samples[-1]['text_source'] == 'none'
