"""A transformer layer whose attention takes a prefix of prompt tokens."""

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.transformer import FFN
from mmengine.model import BaseModule
from torch import Tensor, nn

from vlpose_mm.models.peft.lora import LoRALinear, Updates, updated
from vlpose_mm.models.peft.visual_prompts import prefix_keys_values


class PrefixAttention(BaseModule):
    """Multi-head self-attention whose keys and values may start with a prefix.

    Args:
        embed_dims (int): Width C of the tokens.
        num_heads (int): Number of heads; divides C.
        qkv_bias (bool): Whether queries, keys and values have a bias.
        attn_drop_rate (float): Dropout of the attention weights, in [0, 1).
        proj_drop_rate (float): Dropout of the output, in [0, 1).
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        qkv_bias: bool = True,
        attn_drop_rate: float = 0.0,
        proj_drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(
                f'num_heads={num_heads} does not divide embed_dims={embed_dims}.'
            )
        self.num_heads = num_heads
        self.attn_drop_rate = attn_drop_rate
        self.qkv = nn.Linear(embed_dims, embed_dims * 3, bias=qkv_bias)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(proj_drop_rate)

    def forward(
        self, x: Tensor, prefix: Tensor | None = None, gate: Tensor | None = None
    ) -> Tensor:
        """Attend from every token, B x N x C, to every token and to the prefix.

        Args:
            x (Tensor): Tokens, B x N x C.
            prefix (Tensor, optional): Its keys and values, 2 x heads x P x C/heads.
            gate (Tensor, optional): How much of what the prefix changes counts, a scalar;
                all of it by default.
        """
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        if prefix is None:
            x = self._attend(*qkv)  # each: B, heads, N, C/heads
        else:
            q, kv = qkv.split([1, 2])  # 1 or 2, B, heads, N, C/heads
            q, shared = q.squeeze(0), prefix[:, None].expand(-1, B, -1, -1, -1)
            if torch.is_grad_enabled():
                # A view would keep keys and values in memory until the backward pass.
                q = q.transpose(1, 2).contiguous().transpose(1, 2)
            # One copy for both; a slice instead of a split has a slow gradient.
            x = self._attend(q, *torch.cat([shared, kv], dim=3))
            if gate is not None:
                plain = self._attend(q, *kv)
                x = plain + gate * (x - plain)
        x = x.transpose(1, 2).reshape(B, N, C)
        return self.proj_drop(self.proj(x))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention with dropout in training; all B x heads x tokens x C/heads."""
        drop = self.attn_drop_rate if self.training else 0.0
        return F.scaled_dot_product_attention(q, k, v, dropout_p=drop)


class TransformerLayer(BaseModule):
    """One pre-norm layer: attention, then a feed-forward network.

    The arguments are those of :class:`PromptedVisionTransformer`, of this layer.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        qkv_bias: bool = True,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(embed_dims, eps=norm_eps)
        rates = attn_drop_rate, drop_rate
        self.attn = PrefixAttention(embed_dims, num_heads, qkv_bias, *rates)
        self.ln2 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.ffn = FFN(
            embed_dims=embed_dims,
            feedforward_channels=feedforward_channels,
            ffn_drop=drop_rate,
            dropout_layer=dict(type='DropPath', drop_prob=drop_path_rate),
            act_cfg=dict(type='GELU'),
        )
        self.drop_path = self.ffn.dropout_layer
        #: Those with low-rank updates, see :class:`LoRA`.
        self.lora_linears: tuple[LoRALinear, ...] = ()

    def prefix(self, prompts: Tensor) -> Tensor:
        """Compute keys and values, 2 x heads x P x C/heads, of prompt tokens, P x C."""
        return prefix_keys_values(self.attn.qkv, self.ln1(prompts), self.attn.num_heads)

    def forward(
        self,
        x: Tensor,
        prefix: Tensor | None = None,
        gate: Tensor | None = None,
        updates: Updates | None = None,
    ) -> Tensor:
        """Run the layer on tokens, B x N x C.

        ``prefix`` and ``gate`` are those of :class:`PrefixAttention`, ``updates`` this
        layer's low-rank updates, see :class:`LoRA`.
        """
        # Here and not around all layers, so that what is recomputed in the backward pass
        # is what was computed.
        with updated(self.lora_linears, updates):
            x = x + self.drop_path(self.attn(self.ln1(x), prefix, gate))
            return self.ffn(self.ln2(x), identity=x)  # B, N, C
