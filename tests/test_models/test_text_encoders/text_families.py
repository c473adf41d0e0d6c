"""Tiny models of every family of text models, with real tokenizers."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import sentencepiece
import torch
import transformers
from torch import Tensor

LENGTH = 24
SIZE = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
)
VISION = dict(image_size=32, patch_size=16, **SIZE)
LETTERS = [chr(c) for c in range(ord('a'), ord('z') + 1)]


def word_pieces(minilm: str) -> transformers.PreTrainedTokenizerBase:
    """BERT's own."""
    return transformers.BertTokenizerFast.from_pretrained(minilm)


def byte_pairs(minilm: str) -> transformers.PreTrainedTokenizerBase:
    """CLIP's, of a few merges; the end of text is the largest id, as in real ones."""
    merges = ['s k', 'p e', 'pe r', 's o', 'so n</w>', 'per son</w>', 'o f</w>']
    merged = [pair.replace(' ', '') for pair in merges]
    ends = [f'{c}</w>' for c in LETTERS]
    tokens = ['!', *LETTERS, *ends, *merged, '<|startoftext|>', '<|endoftext|>']
    with TemporaryDirectory() as folder:
        vocab = {token: i for i, token in enumerate(tokens)}
        Path(folder, 'vocab.json').write_text(json.dumps(vocab))
        Path(folder, 'merges.txt').write_text('\n'.join(['#version: 0.2', *merges]))
        return transformers.CLIPTokenizerFast.from_pretrained(folder)


def train_sentence_pieces(folder: Path) -> str:
    """Train a real SentencePiece model on a few words."""
    words = 'a photo an oil painting of person man woman cartoon mural sculpture left knee'
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words.split() * 20),
        model_prefix=str(folder / 'spiece'),
        vocab_size=40,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return str(folder / 'spiece.model')


def siglip_pieces(minilm: str) -> transformers.PreTrainedTokenizerBase:
    """SigLIP's: no token before the text, ``</s>`` after it, which also pads."""
    with TemporaryDirectory() as folder:
        return transformers.SiglipTokenizer(train_sentence_pieces(Path(folder)))


def t5_pieces(minilm: str) -> transformers.PreTrainedTokenizerBase:
    """T5's: no token before the text, ``</s>`` after it."""
    with TemporaryDirectory() as folder:
        train_sentence_pieces(Path(folder))
        transformers.T5Config().save_pretrained(folder)
        return transformers.AutoTokenizer.from_pretrained(folder)


def tiny_bert() -> transformers.PreTrainedModel:
    return transformers.BertForMaskedLM(transformers.BertConfig(**SIZE))


def tiny_blip() -> transformers.PreTrainedModel:
    text = dict(encoder_hidden_size=16, vocab_size=30524, **SIZE)
    config = transformers.BlipConfig(text_config=text, vision_config=VISION)
    return transformers.BlipForImageTextRetrieval(config)


def tiny_clip(eos_token_id: int = 61) -> transformers.PreTrainedModel:
    text = dict(vocab_size=62, eos_token_id=eos_token_id, **SIZE)
    text |= dict(bos_token_id=60, max_position_embeddings=LENGTH)
    return transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=12)
    )


def tiny_old_clip() -> transformers.PreTrainedModel:
    """As OpenAI's checkpoints, with a wrong end of text in the config."""
    return tiny_clip(eos_token_id=2)


def tiny_clip_text() -> transformers.PreTrainedModel:
    return transformers.CLIPTextModelWithProjection(tiny_clip().config.text_config)


def tiny_siglip() -> transformers.PreTrainedModel:
    text = dict(vocab_size=40, max_position_embeddings=LENGTH, projection_size=20, **SIZE)
    config = transformers.SiglipConfig(text_config=text, vision_config=VISION)
    return transformers.SiglipModel(config)


def tiny_t5() -> transformers.PreTrainedModel:
    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, vocab_size=40
    )
    return transformers.T5ForConditionalGeneration(config)


TOKENIZERS = {
    tiny_bert: word_pieces,
    tiny_blip: word_pieces,
    tiny_clip: byte_pairs,
    tiny_old_clip: byte_pairs,
    tiny_clip_text: byte_pairs,
    tiny_siglip: siglip_pieces,
    tiny_t5: t5_pieces,
}
TEXT_SIDES = {
    tiny_bert: lambda model: model.bert,
    tiny_blip: lambda model: model.text_encoder,
    tiny_siglip: lambda model: model.text_model,
    tiny_t5: lambda model: model.encoder,
}


class Family:
    """A tiny model of a family and the folder it is saved in."""

    def __init__(self, make: Callable, minilm: str, folder: Path) -> None:
        torch.manual_seed(0)
        self.make = make
        self.folder = str(folder)
        self.model = make().eval()
        self.tokenizer = TOKENIZERS[make](minilm)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.side = TEXT_SIDES.get(make, lambda model: model.text_model)(self.model)

    def states(self, text: str) -> tuple[Tensor, Tensor]:
        """Token states, L x D, and the pooled embedding, as the library computes them."""
        with torch.no_grad():
            if self.make is tiny_siglip:
                batch = self.tokenizer(
                    text,
                    padding='max_length',
                    max_length=LENGTH,
                    return_tensors='pt',
                )
                count = len(self.tokenizer(text)['input_ids'])
                states = self.side(batch['input_ids']).last_hidden_state[0, :count]
                pooled = self.model.get_text_features(batch['input_ids'])
                return states, pooled.pooler_output
            batch = self.tokenizer(text, return_tensors='pt')
            ids, mask = batch['input_ids'], batch['attention_mask']
            states = self.side(ids, mask).last_hidden_state[0]
            if self.make is tiny_clip_text:
                return states, self.model(ids, mask).text_embeds
            if 'clip' in self.make.__name__:
                return states, self.model.get_text_features(ids, mask).pooler_output
            return states, None
