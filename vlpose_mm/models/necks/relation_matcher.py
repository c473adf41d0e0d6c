"""Relate image and text (method, part 3)."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.checkpoint.strict import check_strict
from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.cache import WeightCache
from vlpose_mm.models.utils.linear import autocast_dtype

VARIANTS = ('joint', 'cross', 'cosine')


@MODELS.register_module()
class RelationMatcher(BaseModule):
    """Attention from every patch to the text tokens and to all patches.

    With X the flattened feature map E and T' the text tokens projected to its width:
    ``R = LayerNorm(W_o softmax(W_q X (W_k Y)^T / sqrt(C / heads)) W_v Y + X)``, where

    - ``'joint'``, the paper's choice: ``Y = [X; T']``;
    - ``'cross'``: ``Y = T'``;
    - ``'cosine'``: ``Y = [X; T'']``, each token weighted channel by channel with its
      product with the image, ``T''_t = T'_t * sum_l(X_l * T'_t)``.

    Padding gets no attention. Without text, ``Y = X``.

    Args:
        embed_dims (int): Width C of the feature map.
        text_dims (int, optional): Width D of the text tokens, projected unless D = C;
            ``None``: no text.
        variant (str): ``'joint'``, ``'cross'`` or ``'cosine'``.
        num_heads (int): Number of heads; divides C.
        attn_drop_rate (float): Dropout of the attention weights in training, in [0, 1).
        init_cfg (dict, optional): Initialization config.

    Raises:
        ValueError: If the variant is unknown, ``'cross'`` has no text to attend to, or
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
                "RelationMatcher: variant 'cross' attends to text alone and there is none; "
                "give the estimator a text_encoder, or use 'joint'."
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
        self.text_proj = nn.Identity()
        if text_dims not in (None, embed_dims):
            self.text_proj = nn.Linear(text_dims, embed_dims)
        self.q, self.k, self.v, self.proj = (
            nn.Linear(embed_dims, embed_dims) for _ in range(4)
        )
        self.norm = nn.LayerNorm(embed_dims)
        self.text_cache, self.kv_cache = WeightCache(), WeightCache()
        self.register_load_state_dict_pre_hook(RelationMatcher.prepare_checkpoint)

    def adapter_params(self) -> list[str]:
        """List the names of all parameters, as the base has no matcher."""
        return [name for name, _ in self.named_parameters()]

    def forward(
        self,
        feature_map: Tensor,
        text_feats: TextFeatures | None,
        need_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Compute the relation features R.

        Args:
            feature_map (Tensor): E, B x C x h x w.
            text_feats (TextFeatures, optional): Text of the batch; ``None``: no text.
            need_weights (bool): Whether to return the attention weights of the text.

        Returns:
            Tensor | tuple[Tensor, Tensor]: R, B x C x h x w; with ``need_weights``, and the
            weights of the L text tokens, B x heads x L x h x w in [0, 1], without dropout
            and 0 at padding; the rest to 1 is the attention to patches.
        """
        B, C, h, w = feature_map.shape
        x = feature_map.flatten(2).transpose(1, 2)  # B, hw, C
        dtype = autocast_dtype(self.q.weight)
        # Converted once for all products.
        patches = x if dtype is None else x.to(dtype)
        kv, mask = self._keys_and_values(patches, text_feats)
        parts = self.q(patches), *kv.chunk(2, dim=-1)  # each: B, hw or N, C
        q, k, v = (self._split_heads(part) for part in parts)
        dropout = self.attn_drop_rate if self.training else 0.0
        if need_weights:
            scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5  # B, heads, hw, N
            if mask is not None:
                scores = scores + mask
            weights = scores.softmax(dim=-1)
            attended = F.dropout(weights, dropout) @ v  # B, heads, hw, C/heads
        else:
            attended = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        attended = attended.transpose(1, 2).reshape(B, h * w, C)
        relation = self.norm(self.proj(attended) + x)  # B, hw, C
        relation = relation.transpose(1, 2).reshape(B, C, h, w)
        if not need_weights:
            return relation
        num_patches = 0 if self.variant == 'cross' else h * w
        of_text = weights[..., num_patches:].transpose(2, 3)  # B, heads, L, hw
        return relation, of_text.unflatten(-1, (h, w))

    def _keys_and_values(
        self, x: Tensor, text_feats: TextFeatures | None
    ) -> tuple[Tensor, Tensor | None]:
        """Keys beside values, B x N x 2C, and what to add to the scores, B x 1 x 1 x N."""
        weight, bias = self._kv_weights()
        if text_feats is None:
            return F.linear(x, weight, bias), None  # B, hw, 2C
        kv, mask = self._text_keys_and_values(x, text_feats)  # B, L, 2C; B, L
        if self.variant != 'cross':
            kv = torch.cat([F.linear(x, weight, bias), kv], dim=1)  # B, hw+L, 2C
            if mask is not None:
                mask = F.pad(mask, (x.shape[1], 0))  # B, hw+L
        return kv, None if mask is None else mask[:, None, None]

    def _text_keys_and_values(
        self, x: Tensor, text_feats: TextFeatures
    ) -> tuple[Tensor, Tensor | None]:
        """Those of each sample's text tokens, B x L x 2C, and of their scores, B x L."""
        states = text_feats.last_hidden_state

        def compute() -> tuple[Tensor, Tensor | None]:
            tokens = self.text_proj(states.to(x.dtype))  # U, L, C
            if self.variant != 'cosine':
                tokens = F.linear(tokens, *self._kv_weights())  # U, L, 2C
            if not text_feats.padded and text_feats.shares is None:
                return tokens, None
            # A token that counts twice gets as much attention as two of the same, and
            # padding gets none.
            return tokens, text_feats.weights.to(tokens.dtype).log()  # U, L

        # Once per distinct text prompt, not per sample.
        sources = states, text_feats.weights, *self.parameters()
        tokens, mask = self.text_cache.get(sources, compute)
        tokens = text_feats.of_samples(tokens)  # B, L, C or 2C
        if self.variant == 'cosine':
            tokens = tokens * (x.sum(dim=1, keepdim=True) * tokens)  # B, L, C
            tokens = F.linear(tokens, *self._kv_weights())  # B, L, 2C
        return tokens, None if mask is None else text_feats.of_samples(mask)

    def _kv_weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of keys and values in one product, 2C x C and 2C."""
        k, v = self.k, self.v
        dtype = autocast_dtype(k.weight) or k.weight.dtype
        return self.kv_cache.get(
            [k.weight, v.weight, k.bias, v.bias],
            lambda: (
                torch.cat([k.weight, v.weight]).to(dtype),
                torch.cat([k.bias, v.bias]).to(dtype),
            ),
        )

    def _split_heads(self, x: Tensor) -> Tensor:
        """Split the width into heads: B x N x C -> B x heads x N x C/heads."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def prepare_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: refuse a mismatch, such as text of another width."""
        check_strict(self, state_dict, prefix)
