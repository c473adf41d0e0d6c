"""Relate image and text (method, part 3)."""

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
        self.text_cache = WeightCache()
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
        k, v, mask = self._keys_and_values(x, text_feats)  # k, v: B, N, C
        q, k, v = (self._split_heads(part) for part in (self.q(x), k, v))
        dropout = self.attn_drop_rate if self.training else 0.0
        if need_weights:
            scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5  # B, heads, hw, N
            if mask is not None and mask.dtype == torch.bool:
                scores = scores.masked_fill(~mask, -torch.inf)
            elif mask is not None:
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
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values, B x N x C each, and the mask of the keys, B x 1 x 1 x N.

        A mask is boolean, or what is added to the scores of a mixture.
        """
        if text_feats is None:
            return self.k(x), self.v(x), None  # B, hw, C
        k, v = self._text_keys_and_values(x, text_feats)  # each: B, L, C
        mask = None
        if text_feats.shares is not None:
            # A token that counts twice gets as much attention as two of the same.
            mask = text_feats.of_samples(text_feats.shares.log()).to(k.dtype)  # B, L
        elif text_feats.padded:
            mask = text_feats.of_samples(text_feats.attention_mask)  # B, L
        if self.variant != 'cross':
            k = torch.cat([self.k(x), k], dim=1)  # B, hw+L, C
            v = torch.cat([self.v(x), v], dim=1)  # B, hw+L, C
            if mask is not None:
                seen = mask.dtype == torch.bool
                mask = F.pad(mask, (x.shape[1], 0), value=seen)  # B, hw+L
        return k, v, None if mask is None else mask[:, None, None]

    def _text_keys_and_values(
        self, x: Tensor, text_feats: TextFeatures
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of each sample's text tokens, B x L x C each."""
        states = text_feats.last_hidden_state
        if self.variant == 'cosine':
            tokens = text_feats.of_samples(self.text_proj(states.to(x.dtype)))  # B, L, C
            tokens = tokens * (x.sum(dim=1, keepdim=True) * tokens)  # B, L, C
            return self.k(tokens), self.v(tokens)

        def compute() -> tuple[Tensor, Tensor]:
            tokens = self.text_proj(states.to(x.dtype))  # U, L, C
            return self.k(tokens), self.v(tokens)

        # Once per distinct text prompt, not per sample.
        layers = (self.text_proj, self.k, self.v)
        weights = [weight for layer in layers for weight in layer.parameters()]
        k, v = self.text_cache.get([states, *weights], compute)  # each: U, L, C
        return text_feats.of_samples(k), text_feats.of_samples(v)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Split the width into heads: B x N x C -> B x heads x N x C/heads."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def prepare_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: refuse a mismatch, such as text of another width."""
        check_strict(self, state_dict, prefix)
