"""Tiny models of every family of text models, with real tokenizers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import sentencepiece
import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

LENGTH = 24
SIZE = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
)
VISION = dict(image_size=32, patch_size=16, **SIZE)
LETTERS = [chr(c) for c in range(ord('a'), ord('z') + 1)]


def word_pieces(minilm: str, folder: Path) -> PreTrainedTokenizerBase:
    """BERT's own."""
    return transformers.BertTokenizerFast.from_pretrained(minilm)


def byte_pairs(minilm: str, folder: Path) -> PreTrainedTokenizerBase:
    """CLIP's, of a few merges; the end of text is the largest id, as in real ones."""
    merges = ['s k', 'p e', 'pe r', 's o', 'so n</w>', 'per son</w>', 'o f</w>']
    merged = [pair.replace(' ', '') for pair in merges]
    ends = [f'{c}</w>' for c in LETTERS]
    tokens = ['!', *LETTERS, *ends, *merged, '<|startoftext|>', '<|endoftext|>']
    vocab = {token: i for i, token in enumerate(tokens)}
    (folder / 'vocab.json').write_text(json.dumps(vocab))
    (folder / 'merges.txt').write_text('\n'.join(['#version: 0.2', *merges]))
    return transformers.CLIPTokenizerFast.from_pretrained(folder)


def siglip_pieces(minilm: str, folder: Path) -> PreTrainedTokenizerBase:
    """SigLIP's: no token before the text, ``</s>`` after it, which also pads."""
    words = 'a photo an oil painting of person man woman cartoon mural sculpture left knee'
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words.split() * 20),
        model_prefix=str(folder / 'spiece'),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        **dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
    )
    return transformers.SiglipTokenizer(str(folder / 'spiece.model'))


def t5_pieces(minilm: str, folder: Path) -> PreTrainedTokenizerBase:
    """T5's: no token before the text, ``</s>`` after it."""
    siglip_pieces(minilm, folder)
    transformers.T5Config().save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def tiny_blip() -> PreTrainedModel:
    text = dict(encoder_hidden_size=16, vocab_size=30524, **SIZE)
    config = transformers.BlipConfig(text_config=text, vision_config=VISION)
    return transformers.BlipForImageTextRetrieval(config)


def tiny_clip(eos_token_id: int = 61) -> PreTrainedModel:
    text = dict(vocab_size=62, bos_token_id=60, eos_token_id=eos_token_id, **SIZE)
    text['max_position_embeddings'] = LENGTH
    return transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=12)
    )


def tiny_siglip() -> PreTrainedModel:
    text = dict(vocab_size=40, max_position_embeddings=LENGTH, projection_size=20, **SIZE)
    config = transformers.SiglipConfig(text_config=text, vision_config=VISION)
    return transformers.SiglipModel(config)


def tiny_t5() -> PreTrainedModel:
    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, vocab_size=40
    )
    return transformers.T5ForConditionalGeneration(config)


class Recipe(NamedTuple):
    """How to make a family: its tokenizer, its model, and the name of its text side."""

    tokenizer: Callable[[str, Path], PreTrainedTokenizerBase]
    model: Callable[[], PreTrainedModel]
    side: str


FAMILIES = dict(
    bert=Recipe(
        word_pieces,
        lambda: transformers.BertForMaskedLM(transformers.BertConfig(**SIZE)),
        'bert',
    ),
    blip=Recipe(word_pieces, tiny_blip, 'text_encoder'),
    clip=Recipe(byte_pairs, tiny_clip, 'text_model'),
    # OpenAI's checkpoints have a wrong end of text in the config.
    old_clip=Recipe(byte_pairs, lambda: tiny_clip(eos_token_id=2), 'text_model'),
    clip_text=Recipe(
        byte_pairs,
        lambda: transformers.CLIPTextModelWithProjection(tiny_clip().config.text_config),
        'text_model',
    ),
    siglip=Recipe(siglip_pieces, tiny_siglip, 'text_model'),
    t5=Recipe(t5_pieces, tiny_t5, 'encoder'),
)
POOLED = ('clip', 'old_clip', 'clip_text', 'siglip')


class Family:
    """A tiny model of a family, saved in a folder."""

    def __init__(self, name: str, minilm: str, folder: Path) -> None:
        torch.manual_seed(0)
        self.name, self.folder = name, str(folder / 'saved')
        make_tokenizer, make_model, side = FAMILIES[name]
        self.model = make_model().eval()
        self.tokenizer = make_tokenizer(minilm, folder)
        self.side = getattr(self.model, side)
        self.save(self.folder)

    def save(self, folder: str | Path) -> None:
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @torch.no_grad()
    def states(self, text: str) -> tuple[Tensor, Tensor | None]:
        """Token states, L x D, and the pooled embedding, as the library computes them."""
        inputs = self.tokenizer(text, return_tensors='pt')
        count = inputs['input_ids'].shape[1]
        if self.name == 'siglip':
            full = dict(padding='max_length', max_length=LENGTH, return_tensors='pt')
            inputs = dict(input_ids=self.tokenizer(text, **full)['input_ids'])
        else:
            inputs.pop('token_type_ids', None)
        states, pooled = self.side(**inputs).last_hidden_state[0, :count], None
        if self.name == 'clip_text':
            pooled = self.model(**inputs).text_embeds
        elif self.name in POOLED:
            pooled = self.model.get_text_features(**inputs)
            # Before transformers 5 it is the embedding itself.
            pooled = getattr(pooled, 'pooler_output', pooled)
        return states, pooled
