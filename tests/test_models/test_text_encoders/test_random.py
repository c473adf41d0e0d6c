"""RandomTextEncoder: fixed and fresh states."""

import pytest
import torch

from vlpose_mm.models.text_encoders import RandomTextEncoder

SKETCH, GLASS = 'a sketch of a person', 'a stained glass picture of a very tall person'


@pytest.mark.fast
def test_fixed_states_belong_to_the_text() -> None:
    first = RandomTextEncoder(64, num_tokens=3)([SKETCH, [GLASS, SKETCH], SKETCH])
    torch.manual_seed(1)
    (second,) = RandomTextEncoder(64, num_tokens=3)([SKETCH]).last_hidden_state
    assert first.index.tolist() == [0, 1, 0]
    assert first.attention_mask.sum(1).tolist() == [3, 6]
    assert torch.equal(first.last_hidden_state[0, :3], second)
    assert torch.equal(first.last_hidden_state[1, 3:], second)
    assert not torch.equal(first.last_hidden_state[1, :3], second)
    # The same on every machine.
    want = torch.tensor([1.1993, -1.3827, -0.0991])
    torch.testing.assert_close(second[0, :3], want, atol=1e-4, rtol=0)


def test_fresh_states_are_drawn_for_each_sample_and_call() -> None:
    encoder = RandomTextEncoder(embed_dims=512, num_tokens=2, fresh=True)
    text = encoder([SKETCH, SKETCH, [GLASS, SKETCH]])
    assert text.index.tolist() == [0, 1, 2]
    assert text.attention_mask.sum(1).tolist() == [2, 2, 4]
    states = text.last_hidden_state[text.attention_mask]
    assert abs(states.mean()) < 0.1 and abs(states.std() - 1) < 0.1
    rows = [*states, *encoder([SKETCH]).last_hidden_state[0]]
    assert torch.corrcoef(torch.stack(rows)).triu(1).abs().max() < 0.3
    torch.manual_seed(3)
    first = encoder([SKETCH]).last_hidden_state
    torch.manual_seed(3)
    assert torch.equal(encoder([SKETCH]).last_hidden_state, first)
    assert not encoder._cache
    mean = RandomTextEncoder(8, num_tokens=2, fresh=True, combine='mean').half()
    states = mean([SKETCH, [GLASS, SKETCH]]).last_hidden_state
    assert states.shape == (2, 1, 8) and states.dtype == torch.float16
    for kwargs in (dict(embed_dims=0), dict(embed_dims=4, num_tokens=0)):
        with pytest.raises(ValueError, match='must be at least 1'):
            RandomTextEncoder(**kwargs)
