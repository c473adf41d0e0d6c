"""Taking checkpoints apart and putting them together, by names alone."""

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


@pytest.fixture
def base(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a base checkpoint holds, by the names of MMPose's classes."""
    names = [f'backbone.{name}' for name in MODELS.build(dict(BACKBONE)).state_dict()]
    names += [n for n in weights if n.startswith(('head.deconv_', 'head.final_'))]
    return {name: weights[name] for name in names}


def test_an_adapter_is_what_trains_with_the_statistics_beside_it(
    vlpose_cfg: dict, weights: dict, base: dict
) -> None:
    tuned = extract(weights)
    assert set(tuned) == weights.keys() - base.keys()
    assert 'head.aux_deconv_layers.1.running_mean' in tuned
    vlpose_cfg['backbone']['trained_layers'] = 1
    thawed = set(MODELS.build(vlpose_cfg).adapter_params()) - {*tuned}
    last = 'backbone.layers.2.', 'backbone.ln1'
    assert thawed and all(name.startswith(last) for name in thawed)


def test_the_hash_is_that_of_names_shapes_and_numbers(weights: dict, base: dict) -> None:
    base = {k: v for k, v in base.items() if v.is_floating_point()}
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
@pytest.mark.parametrize('published', [False, True], ids=['', 'with a class token'])
def test_extract_and_merge_return_the_whole_checkpoint(
    published: bool, weights: dict, base: dict
) -> None:
    if published:
        base['backbone.cls_token'] = row = torch.randn(1, 1, 32)
        base['backbone.pos_embed'] = torch.cat([row, base['backbone.pos_embed']], dim=1)
    whole = merge(extract(weights), base)
    counters = {name for name in weights if name.endswith('num_batches_tracked')}
    assert set(weights) - set(whole) <= counters
    for name, tensor in whole.items():
        assert torch.equal(tensor, weights[name]), name
    assert 'base' not in metadata_of(whole)
    assert set(extract(whole)) == set(extract(weights))


def test_another_base_is_refused_with_both_hashes_unless_forced(
    weights: dict, base: dict
) -> None:
    tuned, name = extract(weights), 'backbone.ln1.bias'
    base[name] = base[name] + 1
    own = base_hash({k: v for k, v in base.items() if v.is_floating_point()})
    wanted = metadata_of(tuned)['base']['sha256']
    with pytest.raises(ValueError, match=f'not those that were tuned.*{own}.*{wanted}'):
        merge(tuned, base)
    assert torch.equal(merge(tuned, base, force=True)[name], base[name])


def test_what_does_not_match_is_refused(weights: dict, base: dict) -> None:
    tuned, name = extract(weights), 'matcher.q.bias'

    def without(weights: dict, part: str) -> dict:
        return {k: v for k, v in weights.items() if part not in k}

    smuggled = {**tuned, 'backbone.pos_embed': torch.zeros(1, 192, 32)}
    other = {**base, 'head.final_layer.bias': torch.zeros(21)}
    for function, args, fault in (
        (extract, (tuned,), 'adapter already'),
        (extract, (base,), 'has no _extra_state'),
        (extract, (without(weights, name),), f'lacks {name}, which was trained'),
        (merge, (weights, base), 'a whole one, not an adapter'),
        (merge, (tuned, without(base, 's.2.')), r'lacks backbone.layers.2\S+ and \d+ more'),
        (merge, (smuggled, base), 'also holds backbone.pos_embed'),
        (merge, (without(tuned, name), base), f'lacks {name}'),
        (merge, (tuned, other), r'final_layer.bias has shape \(21,\), not \(17,\)'),
    ):
        with pytest.raises(ValueError, match=fault):
            function(*args)


def test_metadata_is_read_as_written_and_refused_when_garbled() -> None:
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
