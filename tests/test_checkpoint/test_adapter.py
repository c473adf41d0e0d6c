"""Taking checkpoints apart and putting them together, by names alone."""

import copy
import hashlib

import pytest
import torch
from mmpose.registry import MODELS
from torch import Tensor

from tests.conftest import BACKBONE
from tests.test_models.estimators import build
from vlpose_mm.checkpoint.adapter import base_hash, extract, merge
from vlpose_mm.checkpoint.metadata import KEY, decode, encode, metadata_of


@pytest.fixture
def weights(vlpose_cfg: dict) -> dict[str, Tensor]:
    """The state of a small VLPose."""
    return build(vlpose_cfg).state_dict()


def base_part(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a base checkpoint holds, by the names of MMPose's classes."""
    plain = MODELS.build(dict(BACKBONE)).state_dict()
    names = [f'backbone.{name}' for name in plain]
    names += [n for n in weights if n.startswith(('head.deconv_', 'head.final_'))]
    return {name: weights[name] for name in names}


def test_the_tuned_part_is_what_trains_with_the_statistics_beside_it(
    vlpose_cfg: dict, weights: dict
) -> None:
    tuned = extract(weights)
    added = {name for name in weights if name not in base_part(weights)}
    assert set(tuned) == added
    assert 'head.aux_deconv_layers.1.running_mean' in tuned
    vlpose_cfg['backbone']['trained_layers'] = 1
    thawed = set(MODELS.build(vlpose_cfg).adapter_params()) - {*tuned}
    assert thawed and all(
        n.startswith(('backbone.layers.2.', 'backbone.ln1')) for n in thawed
    )


def test_the_hash_is_that_of_names_shapes_and_numbers(weights: dict) -> None:
    base = {k: v for k, v in base_part(weights).items() if v.is_floating_point()}
    digest = hashlib.sha256()
    for name in sorted(base):
        digest.update((name + str(tuple(base[name].shape))).encode())
        digest.update(base[name].numpy().astype('<f4').tobytes())
    assert metadata_of(extract(weights))['base']['sha256'] == digest.hexdigest()
    # Half precision of what is exact in it, and another order, are the same base.
    rounded = {name: tensor.half() for name, tensor in base.items()}
    again = {name: rounded[name].float() for name in reversed(rounded)}
    assert base_hash(rounded) == base_hash(again) != base_hash(base)
    base['head.final_layer.bias'] = base['head.final_layer.bias'] + 1e-3
    assert base_hash(base) != digest.hexdigest()


@pytest.mark.fast
def test_extract_and_merge_give_the_whole_checkpoint(weights: dict) -> None:
    whole = merge(extract(weights), base_part(weights))
    counters = {name for name in weights if name.endswith('num_batches_tracked')}
    assert set(weights) - set(whole) <= counters
    for name, tensor in whole.items():
        assert torch.equal(tensor, weights[name]), name
    assert 'base' not in metadata_of(whole)
    assert set(extract(whole)) == set(extract(weights))


def test_a_base_as_published_has_a_class_token_and_merges_as_well(weights: dict) -> None:
    base = base_part(weights)
    row = torch.randn(1, 1, 32)
    base['backbone.pos_embed'] = torch.cat([row, base['backbone.pos_embed']], dim=1)
    base['backbone.cls_token'] = row
    whole = merge(extract(weights), base)
    assert torch.equal(whole['backbone.pos_embed'], weights['backbone.pos_embed'])
    assert 'backbone.cls_token' not in whole


def test_another_base_is_refused_with_both_hashes_unless_forced(weights: dict) -> None:
    tuned, base = extract(weights), copy.deepcopy(base_part(weights))
    base['backbone.ln1.bias'] += 1
    with pytest.raises(ValueError, match='not those that were tuned') as error:
        merge(tuned, base)
    floating = {k: v for k, v in base.items() if v.is_floating_point()}
    assert base_hash(floating) in str(error.value)
    assert metadata_of(tuned)['base']['sha256'] in str(error.value)
    whole = merge(tuned, base, force=True)
    assert torch.equal(whole['backbone.ln1.bias'], base['backbone.ln1.bias'])


def test_what_does_not_fit_together_is_refused(weights: dict) -> None:
    tuned, base = extract(weights), base_part(weights)
    with pytest.raises(ValueError, match='adapter already'):
        extract(tuned)
    with pytest.raises(ValueError, match='a whole one, not an adapter'):
        merge(weights, base)
    with pytest.raises(ValueError, match='has no _extra_state'):
        extract(base)
    without = {name: tensor for name, tensor in weights.items() if name != 'matcher.q.bias'}
    with pytest.raises(ValueError, match='lacks matcher.q.bias, which was trained'):
        extract(without)
    with pytest.raises(ValueError, match=r'lacks backbone.layers.2\S+ and \d+ more'):
        merge(tuned, {k: v for k, v in base.items() if 'layers.2.' not in k})
    smuggled = {**tuned, 'backbone.pos_embed': torch.zeros(1, 192, 32)}
    with pytest.raises(ValueError, match='also holds backbone.pos_embed'):
        merge(smuggled, base)
    with pytest.raises(ValueError, match='lacks matcher.q.bias'):
        merge({k: v for k, v in tuned.items() if k != 'matcher.q.bias'}, base)
    base['head.final_layer.bias'] = torch.zeros(21)
    with pytest.raises(
        ValueError, match=r'final_layer.bias has shape \(21,\), not \(17,\)'
    ):
        merge(tuned, base)


def test_metadata_is_read_as_it_was_written() -> None:
    metadata = dict(
        hyperparameters={'head.wiring': 'dual', 'näme': None}, adapter_params=['a', 'b']
    )
    assert decode(encode(metadata)) == metadata
    wrong = [
        encode({**metadata, **change})
        for change in (
            dict(base=dict(sha256='0')),
            dict(base=dict(sha256='0', shapes=dict(a=5))),
            dict(adapter_params=[['a']]),
            dict(grid=[0, 0]),
            dict(grid=5),
        )
    ]
    nothing = torch.tensor([123, 125], dtype=torch.uint8)
    for garbled in (torch.zeros(3), nothing, *wrong):
        with pytest.raises(ValueError, match=f'{KEY} is not what a VLPose writes'):
            decode(garbled)
