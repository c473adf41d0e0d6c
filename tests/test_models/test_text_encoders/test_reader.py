"""TextReader: which known text prompts other words are read as."""

import pytest
import torch

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.datasets.wordings import load_wordings
from vlpose_mm.models.text_encoders import TransformersTextEncoder
from vlpose_mm.models.text_encoders.reader import TextReader

OIL, GLASS, SKETCH, STATUE = known = [
    SCENARIOS[name].text_prompt
    for name in ('oil_painting', 'stained_glass', 'sketch', 'sculpture')
]
PRINT_LOG = 'vlpose_mm.models.text_encoders.reader.print_log'


@pytest.fixture(scope='module')
def encoder(minilm: str) -> TransformersTextEncoder:
    return TransformersTextEncoder(minilm)


@pytest.fixture
def reader(encoder: TransformersTextEncoder) -> TextReader:
    wordings = load_wordings()
    told = {each.text_prompt: wordings[name].told() for name, each in SCENARIOS.items()}
    return TextReader(encoder, known, told)


@pytest.mark.parametrize(
    ('text', 'text_prompt'),
    [
        ('AN OIL PAINTING OF A PERSON.', OIL),
        ('oil painting', OIL),
        ('a queen, painted in oil', OIL),
        ('saints in the window of a church', GLASS),
        ('unfinished pencil lines', SKETCH),
        ('Apollo, carved from marble', STATUE),
    ],
)
def test_other_words_are_read_as_the_text_prompt_that_means_the_same(
    reader: TextReader, text: str, text_prompt: str
) -> None:
    reading = reader.read(text)
    assert next(iter(reading.shares)) == text_prompt and reading.is_near
    assert {*reading.shares} <= {*known}
    shares = [*reading.shares.values()]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)


def test_a_known_text_prompt_is_read_as_itself(reader: TextReader) -> None:
    assert reader.read(OIL) == ({OIL: 1.0}, 1.0)


def test_a_text_that_is_near_nothing_known_is_told_once(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(PRINT_LOG, lambda text, **kwargs: told.append(text))
    for _ in range(2):
        assert not reader.read('a photo of a car').is_near
    (text,) = told
    assert text.startswith("The model has learned nothing near 'a photo of a car', and ")
    assert reader.read('a bronze statue').is_near and len(told) == 1


def test_words_between_two_text_prompts_are_read_as_both(
    encoder: TransformersTextEncoder,
) -> None:
    text, mixed = 'an oil sketch of a person', {}
    for temperature in (0.001, 0.05, 0.2):
        shares = TextReader(encoder, known, {}, temperature).read(text).shares
        mixed[temperature] = {name: shares.get(name, 0) for name in (OIL, SKETCH)}
    assert max(mixed[0.001].values()) > 0.99
    assert min(mixed[0.05].values()) > 0.02
    assert max(mixed[0.2].values()) < max(mixed[0.05].values())


def test_a_known_text_prompt_without_wordings_is_compared_itself(
    encoder: TransformersTextEncoder,
) -> None:
    own = 'a mosaic of small tiles'
    reader = TextReader(encoder, [*known, own], {OIL: ['oil on canvas']})
    assert next(iter(reader.read('a Roman mosaic').shares)) == own
    assert torch.is_grad_enabled()
