"""What text costs: once, when text prompts are encoded, and in every step after that."""

from collections.abc import Callable, Iterator, Mapping

import torch

from projects.benchmark.cases.training import training_step
from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_pair
from projects.benchmark.samples import scenario_text_prompts
from projects.benchmark.timing import alternate, stopwatch
from vlpose_mm.datasets import RandomTextPrompt
from vlpose_mm.models.text_encoders.base import TextEncoder


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time the text side, and count the calls of the encoder.

    Yield comparisons of the first encoding, of the encoder's calls, and of what remains
    with a step of tuning; none for a model without text encoder.
    """
    model = build_pair(cfg, conditions).vlpose
    encoder = model.text_encoder
    if encoder is None:
        return
    device = conditions.device
    prompts = [s['text_prompt'] for s in scenario_text_prompts(cfg)]

    def encode() -> None:
        # What is cached is dropped when the encoder is moved.
        encoder.to(device)(prompts, device)

    title = f'first encoding of {len(prompts)} prompts'
    name = type(encoder).__name__
    seconds = alternate({name: encode}, conditions.rounds, stopwatch(device))
    yield compare(title, 'ms', _milliseconds(seconds))

    step = training_step(model, cfg, conditions)

    def use_all() -> None:
        encoder(prompts, device)
        step()

    encoder.to(device)
    counts = {name: [count_encodings(encoder, use_all)] for name in ('first', 'after that')}
    steps = dict(tuning=step)
    if encoder.known is None:
        words = RandomTextPrompt(fixed_prob=0.0)
        encoder([text for own in words.wordings.values() for text in own], device)
        steps['words drawn'] = training_step(model, cfg, conditions, words)
        counts['words drawn'] = [count_encodings(encoder, steps['words drawn'])]
    yield compare('encoder in a pass over all prompts and a step', 'calls', counts)

    size = conditions.train_batch_size
    batch = [prompts[index % len(prompts)] for index in range(size)]
    with torch.no_grad():
        text = encoder(batch, device)
    embed_dims = model.backbone.out_channels
    patch = torch.randn(size, embed_dims, 1, 1, device=device)  # B, C, 1, 1

    def match() -> None:
        with conditions.autocast():
            relation = model.matcher(patch, text)
        relation.sum().backward()
        model.matcher.zero_grad()

    calls = {
        **steps,
        'text prompts looked up': lambda: encoder(batch, device),
        'matcher on one patch': match,
    }
    seconds = alternate(calls, conditions.rounds, stopwatch(device))
    note = (
        'Words are those of RandomTextPrompt, new ones for each image and step. '
        'The matcher on one patch per image, forward and backward, bounds what it costs '
        'to project the text features into keys and values and to gather them.'
    )
    yield compare(f'in a step, batch {size}', 'ms', _milliseconds(seconds), note=note)


def count_encodings(encoder: TextEncoder, call: Callable[[], object]) -> int:
    """Count how often text prompts are encoded, not looked up, in a call."""
    count = 0
    encode = encoder.encode

    def counted(text_prompts: list[str]) -> list[torch.Tensor]:
        nonlocal count
        count += 1
        return encode(text_prompts)

    encoder.encode = counted
    try:
        call()
    finally:
        del encoder.encode
    return count


def _milliseconds(seconds: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Make milliseconds of seconds."""
    return {name: [1000 * s for s in own] for name, own in seconds.items()}
