"""What text prompts cost."""

import pytest

from projects.benchmark.cases.text import count_encodings, measure
from projects.benchmark.conditions import Conditions
from vlpose_mm.models.text_encoders import RandomTextEncoder

CONDITIONS = Conditions(rounds=1, train_batch_size=2)


@pytest.mark.parametrize(
    ('encoder', 'calls'),
    [
        ({}, [1, 0]),
        (dict(type='TransformersTextEncoder'), [1, 0, 0]),
        # Context that learns is encoded in every pass: in the lookup and in the step.
        (dict(type='TransformersTextEncoder', context_tokens=2), [2, 2, 1]),
    ],
)
def test_text_prompts_are_encoded_once_unless_they_learn(
    bench_cfg: dict, minilm: str, encoder: dict, calls: list[int]
) -> None:
    if encoder:
        bench_cfg['model']['text_encoder'] = dict(encoder, pretrained=minilm)
    first, counted, step = measure(bench_cfg, CONDITIONS)
    assert first['title'] == 'first encoding of 20 prompts'
    assert [row['median'] for row in counted['rows']] == calls
    drawn = ['words drawn'] if encoder else []
    names = ['tuning', *drawn, 'text prompts looked up', 'matcher on one patch']
    assert [row['name'] for row in step['rows']] == names


def test_a_model_without_text_encoder_has_nothing_to_measure(bench_cfg: dict) -> None:
    bench_cfg['model']['text_encoder'] = None
    assert list(measure(bench_cfg, CONDITIONS)) == []


def test_counts_encodings_and_not_lookups() -> None:
    encoder = RandomTextEncoder(embed_dims=4)
    prompts = (['a', 'b', 'a'], ['b', 'a'], ['c'])
    counts = [count_encodings(encoder, lambda p=p: encoder(p)) for p in prompts]
    assert counts == [1, 0, 1]
