"""Relate image and words (method, part 3)."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.checkpoint.strict import check_strict
from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.cache import WeightCache

VARIANTS = ('joint', 'cross', 'cosine')


@MODELS.register_module()
class RelationMatcher(BaseModule):
    """Attention from every patch to the words of its text prompt and to all patches.

    With X the flattened feature map E and T' the text tokens projected to its width:
    ``R = LayerNorm(W_o softmax(W_q X (W_k Y)^T / sqrt(C / heads)) W_v Y + X)``, where

    - ``'joint'``, the paper's choice: ``Y = [X; T']``;
    - ``'cross'``: ``Y = T'``;
    - ``'cosine'``: ``Y = [X; T'']``, each token weighted channel by channel with its
      product with the image, ``T''_t = T'_t * sum_l(X_l * T'_t)``.

    Padding gets no attention. Without words, ``Y = X``.

    Args:
        embed_dims (int): Width C of the feature map.
        text_dims (int, optional): Width D of the text tokens. Where D = C they are not
            projected. ``None``: there are no words.
        variant (str): ``'joint'``, ``'cross'`` or ``'cosine'``.
        num_heads (int): Number of heads; divides C.
        attn_drop_rate (float): Dropout of the attention weights in training, in [0, 1).
        init_cfg (dict, optional): Initialization config.

    Raises:
        ValueError: If the variant is unknown, ``'cross'`` has no words to attend to, or
            ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(
        self,
        embed_dims: int,
        text_dims: int | None,
        variant: str = 'joint',
        num_heads: int = 8,
        attn_drop_rate: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if variant not in VARIANTS:
            raise ValueError(f'Unknown variant {variant!r}; choose one of {VARIANTS}.')
        if variant == 'cross' and text_dims is None:
            raise ValueError(
                "RelationMatcher: variant 'cross' attends to words alone and there are "
                "none; give the estimator a text_encoder, or take 'joint'."
            )
        if embed_dims % num_heads:
            raise ValueError(
                f'RelationMatcher: num_heads={num_heads} does not divide the width of '
                f'the feature map, {embed_dims}.'
            )
        self.variant = variant
        self.hyperparameters = dict(variant=variant, num_heads=num_heads)
        self.num_heads = num_heads
        self.attn_drop_rate = attn_drop_rate
        self.text_proj = (
            nn.Identity()
            if text_dims in (None, embed_dims)
            else nn.Linear(text_dims, embed_dims)
        )
        self.q = nn.Linear(embed_dims, embed_dims)
        self.k = nn.Linear(embed_dims, embed_dims)
        self.v = nn.Linear(embed_dims, embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.norm = nn.LayerNorm(embed_dims)
        self.text_cache = WeightCache()
        self._register_load_state_dict_pre_hook(self.fit_checkpoint)

    def forward(self, feature_map: Tensor, text_feats: TextFeatures | None) -> Tensor:
        """Compute the relation features R.

        Args:
            feature_map (Tensor): E, B x C x h x w.
            text_feats (TextFeatures, optional): Text of the batch; ``None``: no text.

        Returns:
            Tensor: R, B x C x h x w.
        """
        B, C, h, w = feature_map.shape
        x = feature_map.flatten(2).transpose(1, 2)  # B, hw, C
        k, v, mask = self._keys_and_values(x, text_feats)  # k, v: B, N, C
        attended = F.scaled_dot_product_attention(
            self._split_heads(self.q(x)),
            self._split_heads(k),
            self._split_heads(v),
            attn_mask=mask,
            dropout_p=self.attn_drop_rate if self.training else 0.0,
        )  # B, heads, hw, C/heads
        attended = attended.transpose(1, 2).reshape(B, h * w, C)
        relation = self.norm(self.proj(attended) + x)  # B, hw, C
        return relation.transpose(1, 2).reshape(B, C, h, w)

    def attention_to_words(self, feature_map: Tensor, text_feats: TextFeatures) -> Tensor:
        """Compute how much of each patch's attention goes to each token.

        What is missing to 1 over all tokens of a sample goes to patches.

        Args:
            feature_map (Tensor): E, B x C x h x w.
            text_feats (TextFeatures): The text prompts of the batch.

        Returns:
            Tensor: Weights without dropout, in [0, 1], 0 at padding;
            B x heads x L x h x w.
        """
        h, w = feature_map.shape[2:]
        x = feature_map.flatten(2).transpose(1, 2)  # B, hw, C
        k, _, mask = self._keys_and_values(x, text_feats)  # k: B, N, C
        N, L = k.shape[1], text_feats.attention_mask.shape[1]
        # Attention to one-hot values is its weights; the tokens are the last L keys.
        one_hot = torch.eye(N, dtype=k.dtype, device=k.device)[:, N - L :]  # N, L
        weights = F.scaled_dot_product_attention(
            self._split_heads(self.q(x)),
            self._split_heads(k),
            one_hot.expand(len(k), self.num_heads, -1, -1),
            attn_mask=mask,
        )  # B, heads, hw, L
        return weights.transpose(2, 3).unflatten(-1, (h, w))

    def _keys_and_values(
        self, x: Tensor, text_feats: TextFeatures | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values, B x N x C each, and which of them are read, B x 1 x 1 x N."""
        if text_feats is None:
            return self.k(x), self.v(x), None  # B, hw, C
        k, v = self._keys_and_values_of_words(x, text_feats)  # each: B, L, C
        mask = (
            text_feats.of_samples(text_feats.attention_mask) if text_feats.padded else None
        )  # B, L
        if self.variant != 'cross':
            k = torch.cat([self.k(x), k], dim=1)  # B, hw+L, C
            v = torch.cat([self.v(x), v], dim=1)  # B, hw+L, C
            if mask is not None:
                mask = F.pad(mask, (x.shape[1], 0), value=True)  # B, hw+L
        return k, v, None if mask is None else mask[:, None, None]

    def _keys_and_values_of_words(
        self, x: Tensor, text_feats: TextFeatures
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of every sample's words, each B x L x C."""
        if self.variant == 'cosine':
            words = text_feats.of_samples(
                self.text_proj(text_feats.last_hidden_state.to(x.dtype))
            )  # B, L, C
            words = words * (x.sum(dim=1, keepdim=True) * words)  # B, L, C
            return self.k(words), self.v(words)

        def compute() -> tuple[Tensor, Tensor]:
            words = self.text_proj(text_feats.last_hidden_state.to(x.dtype))  # U, L, C
            return self.k(words), self.v(words)

        # Once per distinct text prompt, not per sample.
        made_by = (self.text_proj, self.k, self.v)
        weights = [weight for part in made_by for weight in part.parameters()]
        k, v = self.text_cache.get(
            [text_feats.last_hidden_state, *weights], compute
        )  # each: U, L, C
        return text_feats.of_samples(k), text_feats.of_samples(v)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Split the width into heads: B x N x C -> B x heads x N x C/heads."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: refuse a misfit, such as one tuned with text of another width."""
        check_strict(self, state_dict, prefix)
