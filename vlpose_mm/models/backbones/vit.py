"""The vision transformer of ViTPose, with optional learnable prompts (method, part 2)."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.transformer import FFN, PatchEmbed
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.checkpoint_fit import check_fit

ARCHS = {
    'small': dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536),
    'base': dict(embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
    'large': dict(embed_dims=1024, num_layers=24, num_heads=16, feedforward_channels=4096),
    'huge': dict(embed_dims=1280, num_layers=32, num_heads=16, feedforward_channels=5120),
}
for _name, _alias in zip('sblh', list(ARCHS), strict=True):
    ARCHS[_name] = ARCHS[_alias]


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
        self.num_heads = num_heads
        self.attn_drop_rate = attn_drop_rate
        self.qkv = nn.Linear(embed_dims, embed_dims * 3, bias=qkv_bias)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(proj_drop_rate)

    def prefix(self, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of prompt tokens, which ask nothing themselves.

        Args:
            prompts (Tensor): Normalised prompt tokens, P x C.

        Returns:
            tuple[Tensor, Tensor]: Keys and values, each heads x P x C/heads.
        """
        embed_dims = prompts.shape[-1]
        bias = None if self.qkv.bias is None else self.qkv.bias[embed_dims:]
        kv = F.linear(prompts, self.qkv.weight[embed_dims:], bias)  # P, 2C
        kv = kv.reshape(len(prompts), 2, self.num_heads, -1)
        return kv.permute(1, 2, 0, 3).unbind(0)  # each: heads, P, C/heads

    def forward(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Attend from every token to every token and to the prefix.

        Args:
            x (Tensor): Tokens, B x N x C.
            prompts (Tensor, optional): Normalised prompt tokens, P x C.

        Returns:
            Tensor: Tokens, B x N x C.
        """
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each: B, heads, N, C/heads
        if prompts is not None:
            prefix_k, prefix_v = self.prefix(prompts)
            k = torch.cat([prefix_k.expand(B, -1, -1, -1), k], dim=2)
            v = torch.cat([prefix_v.expand(B, -1, -1, -1), v], dim=2)
        drop = self.attn_drop_rate if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=drop)
        x = x.transpose(1, 2).reshape(B, N, C)
        return self.proj_drop(self.proj(x))


class TransformerLayer(BaseModule):
    """One pre-norm layer: attention, then a feed-forward network.

    Args:
        embed_dims (int): Width C of the tokens.
        num_heads (int): Number of heads; divides C.
        feedforward_channels (int): Hidden width of the feed-forward network.
        drop_rate (float): Dropout after each linear layer, in [0, 1).
        attn_drop_rate (float): Dropout of the attention weights, in [0, 1).
        drop_path_rate (float): Stochastic depth of this layer, in [0, 1).
        qkv_bias (bool): Whether queries, keys and values have a bias.
        norm_eps (float): Epsilon of the layer norms.
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
        self.attn = PrefixAttention(
            embed_dims, num_heads, qkv_bias, attn_drop_rate, drop_rate
        )
        self.ln2 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.ffn = FFN(
            embed_dims=embed_dims,
            feedforward_channels=feedforward_channels,
            ffn_drop=drop_rate,
            dropout_layer=dict(type='DropPath', drop_prob=drop_path_rate),
            act_cfg=dict(type='GELU'),
        )
        self.drop_path = self.ffn.dropout_layer

    def forward(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Run the layer.

        Args:
            x (Tensor): Tokens, B x N x C.
            prompts (Tensor, optional): This layer's prompt tokens, P x C.

        Returns:
            Tensor: Tokens, B x N x C.
        """
        if prompts is not None:
            prompts = self.ln1(prompts)
        x = x + self.drop_path(self.attn(self.ln1(x), prompts))
        return self.ffn(self.ln2(x), identity=x)  # B, N, C


@MODELS.register_module()
class PromptedVisionTransformer(BaseModule):
    """The ViT of ViTPose with optional learnable visual prompts.

    Takes the keyword arguments that MMPose's ViTPose configs give to
    ``mmpretrain.VisionTransformer`` and loads the same checkpoints by name. The prompts
    follow `VPT <https://arxiv.org/abs/2203.12119>`_. Deep: every layer reads a fresh set
    of P prompt tokens; since they are thrown away after the layer, only their keys and
    values matter, and only these are computed (once, not per sample). Shallow: P tokens
    are put before the patch tokens and travel through all layers. Position embeddings are
    added to patch tokens only.

    Args:
        arch (str | dict): ``'small'``, ``'base'``, ``'large'``, ``'huge'`` (or the first
            letter), or a dict with ``embed_dims``, ``num_layers``, ``num_heads`` and
            ``feedforward_channels``.
        img_size (int | tuple[int, int]): Height and width of the input in pixels.
        patch_size (int): Side of a patch in pixels.
        in_channels (int): Channels of the input.
        out_type (str): Only ``'featmap'``, the last feature map.
        with_cls_token (bool): Only ``False``: ViTPose has no class token.
        qkv_bias (bool): Whether queries, keys and values have a bias.
        drop_rate (float): Dropout after each linear layer, in [0, 1).
        attn_drop_rate (float): Dropout of the attention weights, in [0, 1).
        drop_path_rate (float): Stochastic depth of the last layer, in [0, 1); grows
            linearly from 0 at the first. Frozen layers never drop.
        final_norm (bool): Whether a layer norm follows the last layer.
        norm_eps (float): Epsilon of the layer norms.
        patch_cfg (dict): More arguments of :class:`PatchEmbed`.
        frozen_stages (int, optional): -1 freezes nothing, 0 the patch and position
            embeddings, N also the first N layers, the number of layers also the final
            norm. ``None`` freezes all with ``prompt`` and nothing without. Frozen parts
            stay in eval mode.
        prompt (dict, optional): ``num_tokens`` (int, at least 1) and ``deep`` (bool,
            ``True`` by default). ``None``: a plain ViT.
        init_cfg (dict, optional): Initialization config.

    Raises:
        ValueError: If an argument asks for what ViTPose does not have, or ``num_tokens``
            is below 1.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int | Sequence[int] = (256, 192),
        patch_size: int = 16,
        in_channels: int = 3,
        out_type: str = 'featmap',
        with_cls_token: bool = False,
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        final_norm: bool = True,
        norm_eps: float = 1e-6,
        patch_cfg: dict | None = None,
        frozen_stages: int | None = None,
        prompt: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        arch = self._arch_settings(arch)
        if out_type != 'featmap' or with_cls_token:
            raise ValueError(
                "PromptedVisionTransformer serves pose heads: out_type must be 'featmap' "
                f'and with_cls_token False, got {out_type!r} and {with_cls_token}.'
            )
        self.embed_dims = arch['embed_dims']
        self.num_layers = arch['num_layers']
        self.frozen_stages = self._frozen_stages(frozen_stages, prompt)

        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=self.embed_dims,
            kernel_size=patch_size,
            stride=patch_size,
            input_size=img_size,
            **(patch_cfg or {}),
        )
        h, w = self.patch_embed.init_out_size
        self.pos_embed = nn.Parameter(torch.zeros(1, h * w, self.embed_dims))
        self.drop_after_pos = nn.Dropout(drop_rate)
        depth_rates = np.linspace(0, drop_path_rate, self.num_layers).tolist()
        self.layers = ModuleList(
            TransformerLayer(
                embed_dims=self.embed_dims,
                num_heads=arch['num_heads'],
                feedforward_channels=arch['feedforward_channels'],
                drop_rate=drop_rate,
                attn_drop_rate=attn_drop_rate,
                drop_path_rate=rate,
                qkv_bias=qkv_bias,
                norm_eps=norm_eps,
            )
            for rate in depth_rates
        )
        self.ln1 = (
            nn.LayerNorm(self.embed_dims, eps=norm_eps) if final_norm else nn.Identity()
        )

        self.deep = True
        self.prompts = None
        if prompt is not None:
            self._make_prompts(patch_size=patch_size, in_channels=in_channels, **prompt)
        for part in self._frozen_parts():
            part.requires_grad_(False)
        self._register_load_state_dict_pre_hook(self._fit_checkpoint)

    @staticmethod
    def _arch_settings(arch: str | dict) -> dict:
        """Look up or check the four numbers of an architecture."""
        if isinstance(arch, str):
            if arch not in ARCHS:
                raise ValueError(f'Unknown arch {arch!r}; choose one of {list(ARCHS)}.')
            return ARCHS[arch]
        missing = ARCHS['base'].keys() - arch.keys()
        if missing:
            raise ValueError(f'arch lacks {sorted(missing)}: {arch}.')
        return arch

    def _frozen_stages(self, frozen_stages: int | None, prompt: dict | None) -> int:
        """Settle how much is frozen."""
        if frozen_stages is None:
            return self.num_layers if prompt is not None else -1
        if not -1 <= frozen_stages <= self.num_layers:
            raise ValueError(
                f'frozen_stages must lie in [-1, {self.num_layers}], got {frozen_stages}.'
            )
        return frozen_stages

    def _make_prompts(
        self, patch_size: int, in_channels: int, num_tokens: int, deep: bool = True
    ) -> None:
        """Create the prompt tokens: one set per layer (deep) or one in all (shallow)."""
        if not isinstance(num_tokens, int) or num_tokens < 1:
            raise ValueError(
                f'prompt.num_tokens must be an integer of at least 1, got {num_tokens!r}; '
                'use prompt=None for a backbone without prompts.'
            )
        self.deep = deep
        sets = self.num_layers if deep else 1
        self.prompts = nn.Parameter(torch.empty(sets, num_tokens, self.embed_dims))
        # VPT's choice: the scale of a patch embedding's Xavier initialization.
        bound = math.sqrt(6 / (in_channels * patch_size**2 + self.embed_dims))
        nn.init.uniform_(self.prompts, -bound, bound)

    def _frozen_parts(self) -> list[nn.Module | nn.Parameter]:
        """Everything that ``frozen_stages`` freezes."""
        if self.frozen_stages < 0:
            return []
        parts = [self.pos_embed, self.patch_embed, *self.layers[: self.frozen_stages]]
        return parts + [self.ln1] * (self.frozen_stages == self.num_layers)

    def train(self, mode: bool = True) -> 'PromptedVisionTransformer':
        """Set the training mode; frozen parts stay in eval mode."""
        super().train(mode)
        for part in self._frozen_parts():
            if isinstance(part, nn.Module):
                part.eval()
        return self

    def init_weights(self) -> None:
        """Initialize the position embeddings unless a checkpoint brings them."""
        if not self.is_init and (self.init_cfg or {}).get('type') != 'Pretrained':
            trunc_normal_(self.pos_embed, std=0.02)
        super().init_weights()

    def forward(self, x: Tensor, use_prompts: bool = True) -> tuple[Tensor]:
        """Compute the last feature map E.

        Args:
            x (Tensor): Images, B x 3 x H x W.
            use_prompts (bool): ``False`` runs the plain ViT, as if there were no prompts.

        Returns:
            tuple[Tensor]: One feature map, B x C x h x w.
        """
        x, (h, w) = self.patch_embed(x)  # B, hw, C
        pos_embed = self.pos_embed
        if (h, w) != self.patch_embed.init_out_size:
            pos_embed = resize_pos_embed(pos_embed, self.patch_embed.init_out_size, (h, w))
        x = self.drop_after_pos(x + pos_embed)

        use_prompts = use_prompts and self.prompts is not None
        if use_prompts and not self.deep:
            x = torch.cat([self.prompts.expand(len(x), -1, -1), x], dim=1)  # B, P+hw, C
        for i, layer in enumerate(self.layers):
            x = layer(x, self.prompts[i] if use_prompts and self.deep else None)
        x = self.ln1(x)[:, -h * w :]  # B, hw, C
        return (x.transpose(1, 2).reshape(len(x), -1, h, w),)  # B, C, h, w

    def _fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Bring ``pos_embed`` to this grid, drop the class token, refuse a misfit."""
        name = prefix + 'pos_embed'
        table = state_dict.get(name)
        if table is not None and table.shape[-1] == self.embed_dims:
            grid = self.patch_embed.init_out_size
            table, source_grid = split_pos_embed(table, grid)
            state_dict[name] = resize_pos_embed(table, source_grid, grid)
        state_dict.pop(prefix + 'cls_token', None)
        check_fit(
            self,
            state_dict,
            prefix,
            # MAE checkpoints end before the final norm; prompts are ours alone.
            optional=[('ln1.',), ('prompts',)],
        )


def split_pos_embed(table: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Drop the class token's row, if there is one, and find the grid of the rest.

    Args:
        table (Tensor): Position embeddings, 1 x (hw or hw + 1) x C.
        grid (tuple[int, int]): Rows and columns wanted. The table's grid is taken to have
            the same aspect ratio, or else to be square.

    Returns:
        tuple[Tensor, tuple[int, int]]: Table without class token and its (h, w).

    Raises:
        ValueError: If no such grid has that many rows.
    """
    for ratio in (grid, (1, 1)):
        for num_extra in (0, 1):
            num_rows = table.shape[1] - num_extra
            scale = math.sqrt(num_rows / math.prod(ratio))
            source = (round(ratio[0] * scale), round(ratio[1] * scale))
            if (
                math.prod(source) == num_rows
                and source[0] * ratio[1] == source[1] * ratio[0]
            ):
                return table[:, num_extra:], source
    raise ValueError(
        f'pos_embed has {table.shape[1]} rows, which is neither a grid of the aspect '
        f'ratio {grid[0]} : {grid[1]} nor a square, with or without a class token.'
    )


def resize_pos_embed(
    table: Tensor, source: tuple[int, int], target: tuple[int, int]
) -> Tensor:
    """Interpolate position embeddings to another grid (bicubic).

    Args:
        table (Tensor): Position embeddings, 1 x hw x C.
        source (tuple[int, int]): Rows and columns of ``table``.
        target (tuple[int, int]): Rows and columns wanted.

    Returns:
        Tensor: Position embeddings, 1 x h'w' x C; ``table`` itself if nothing changes.
    """
    if tuple(source) == tuple(target):
        return table
    grid = table.reshape(1, *source, -1).permute(0, 3, 1, 2)  # 1, C, h, w
    grid = F.interpolate(grid.float(), size=target, mode='bicubic', align_corners=False)
    return grid.to(table.dtype).flatten(2).transpose(1, 2)  # 1, h'w', C
