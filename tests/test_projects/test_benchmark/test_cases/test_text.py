"""What text prompts cost."""

import pytest

from projects.benchmark.cases.text import count_encodings, measure
from projects.benchmark.conditions import Conditions
from vlpose_mm.models.text_encoders import RandomTextEncoder

CONDITIONS = Conditions(rounds=2, train_batch_size=2)


@pytest.mark.parametrize('real', [False, True])
def test_text_prompts_are_encoded_once(bench_cfg: dict, minilm: str, real: bool) -> None:
    if real:
        encoder = dict(type='TransformersTextEncoder', pretrained=minilm)
        bench_cfg['model']['text_encoder'] = encoder
    first, calls, step = measure(bench_cfg, CONDITIONS)
    assert first['title'] == 'first encoding of 20 prompts'
    assert [row['median'] for row in calls['rows']] == [1, 0]
    names = ['tuning', 'text prompts looked up', 'matcher on one patch']
    assert [row['name'] for row in step['rows']] == names


def test_context_that_learns_is_encoded_in_every_pass(bench_cfg: dict, minilm: str) -> None:
    bench_cfg['model']['text_encoder'] = dict(
        type='TransformersTextEncoder', pretrained=minilm, context_tokens=2
    )
    calls = list(measure(bench_cfg, CONDITIONS))[1]
    # The lookup and the step.
    assert [row['median'] for row in calls['rows']] == [2, 2]


def test_a_model_without_text_encoder_has_nothing_to_measure(bench_cfg: dict) -> None:
    bench_cfg['model']['text_encoder'] = None
    assert list(measure(bench_cfg, CONDITIONS)) == []


def test_counts_encodings_and_not_lookups() -> None:
    encoder = RandomTextEncoder(embed_dims=4)
    assert count_encodings(encoder, lambda: encoder(['a', 'b', 'a'])) == 1
    assert count_encodings(encoder, lambda: encoder(['b', 'a'])) == 0
    assert count_encodings(encoder, lambda: encoder(['c'])) == 1
