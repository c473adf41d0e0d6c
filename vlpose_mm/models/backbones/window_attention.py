"""Attention inside windows which also reads a prefix of prompt tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlpose_mm.models.peft.visual_prompts import Prefix, prefix_keys_values


class PrefixWindowAttention:
    """A prefix for a ``WindowMSA``, which is set while prompts are read.

    Every window reads the same. It has no position, so no bias, and no mask hides it.
    """

    prefix: Prefix | None = None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend inside windows, and to the prefix; all (B * windows) x N x C.

        ``mask``, windows x N x N in [-inf, 0], is added to the scores of a window's tokens.
        """
        if self.prefix is None:
            return super().forward(x, mask)
        prompted = self._attend(x, mask, self.prefix.tokens)
        if self.prefix.gate is None:
            return prompted
        return self.prefix.gated(super().forward(x, mask), prompted)

    def _attend(self, x: Tensor, mask: Tensor | None, tokens: Tensor) -> Tensor:
        """Attend to windows and prompt tokens alike."""
        B, N, C = x.shape  # B: all windows of all images
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each: B, heads, N, C/heads
        prefix_k, prefix_v = prefix_keys_values(self.qkv, tokens, self.num_heads)
        k = torch.cat([prefix_k.expand(B, -1, -1, -1), k], dim=2)
        v = torch.cat([prefix_v.expand(B, -1, -1, -1), v], dim=2)

        bias = self._position_bias()  # heads, N, N
        if mask is not None:
            bias = mask[:, None] if bias is None else bias + mask[:, None]
            bias = bias.expand(-1, self.num_heads, -1, -1).flatten(0, 1)
            # Windows differ in their bias: count them as heads, which may.
            q, k, v = (t.reshape(-1, len(bias), *t.shape[2:]) for t in (q, k, v))
        if bias is not None:
            # The fused kernels want four dimensions.
            bias = F.pad(bias, (len(tokens), 0)).to(q.dtype)[None]  # 1, heads, N, P+N
        drop = self.attn_drop.p if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, bias, drop, scale=self.scale)
        x = x.reshape(B, self.num_heads, N, -1).transpose(1, 2).reshape(B, N, C)
        return self.proj_drop(self.proj(x))

    def _position_bias(self) -> Tensor | None:
        """Relative position bias of a window's tokens, heads x N x N."""
        # HRFormer's windows may do without; Swin's always have one.
        if not getattr(self, 'with_rpe', True):
            return None
        N = self.window_size[0] * self.window_size[1]
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        return bias.view(N, N, -1).permute(2, 0, 1)
