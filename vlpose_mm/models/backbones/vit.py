"""The vision transformer of ViTPose with optional visual prompts (method, part 2)."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.cnn.bricks.transformer import PatchEmbed
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.checkpoint.pos_embed import resize_pos_embed, split_pos_embed
from vlpose_mm.checkpoint.strict import check_strict
from vlpose_mm.models.backbones.transformer_layer import TransformerLayer
from vlpose_mm.models.peft.adapter_params import trained_params
from vlpose_mm.models.peft.lora import LoRALinear, make_lora
from vlpose_mm.models.peft.visual_prompts import (
    VisualPromptSettings,
    count_trained_layers,
    make_gates,
    make_prompts,
)
from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.cache import WeightCache

ARCHS = {
    'small': dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536),
    'base': dict(embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
    'large': dict(embed_dims=1024, num_layers=24, num_heads=16, feedforward_channels=4096),
    'huge': dict(embed_dims=1280, num_layers=32, num_heads=16, feedforward_channels=5120),
}
for _name, _alias in zip('sblh', list(ARCHS), strict=True):
    ARCHS[_name] = ARCHS[_alias]


@MODELS.register_module()
class PromptedVisionTransformer(BaseModule):
    """The ViT of ViTPose with optional visual prompts and low-rank updates.

    Takes the arguments of MMPose's ViTPose configs for ``mmpretrain.VisionTransformer``
    and loads the same checkpoints by name. The prompts
    follow `VPT <https://arxiv.org/abs/2203.12119>`_. Deep: every layer from
    ``start_layer`` on reads a fresh set of P prompt tokens; only their keys and values
    matter, and only these are computed, once and not per sample. Shallow: P tokens are put
    before the patch tokens at ``start_layer`` and travel through the layers. Position
    embeddings are added to patch tokens only.

    Args:
        arch (str | dict): ``'small'`` (ViTPose's, 384 wide), ``'base'``, ``'large'``,
            ``'huge'``, their first letters, or a dict with ``embed_dims``, ``num_layers``,
            ``num_heads`` and ``feedforward_channels``.
        img_size (int | tuple[int, int]): Height and width of the input in pixels.
        patch_size (int): Side of a patch in pixels.
        in_channels (int): Channels of the input.
        out_type (str): Only ``'featmap'``, feature maps.
        out_indices (Sequence[int]): The layers whose feature maps are returned, after the
            final norm; the last one by default. Layers behind them are not computed.
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
            norm. ``None`` leaves it to ``trained_layers``. Frozen parts stay in eval mode.
        visual_prompt (dict, optional): ``num_tokens`` (int, at least 1), ``deep`` (bool,
            ``True`` by default), ``start_layer`` (int, 0 by default) and ``gate_init``
            (float, optional): the initial value of a gate per layer on what deep prompts
            change; 0.0 starts exactly at the plain ViT, at the cost of a second attention.
        lora (dict, optional): ``rank`` (int, at least 1) of the low-rank updates of every
            layer, see :mod:`vlpose_mm.models.peft.lora`.
        trained_layers (int, optional): How many of the last layers are trained, with the
            final norm; by default 0 with ``visual_prompt`` or ``lora``, else all.
        init_cfg (dict, optional): Initialization config.

    Raises:
        ValueError: If an argument asks for what ViTPose does not have, a value is out of
            range, or both ``frozen_stages`` and ``trained_layers`` are set.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int | Sequence[int] = (256, 192),
        patch_size: int = 16,
        in_channels: int = 3,
        out_type: str = 'featmap',
        out_indices: Sequence[int] = (-1,),
        with_cls_token: bool = False,
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        final_norm: bool = True,
        norm_eps: float = 1e-6,
        patch_cfg: dict | None = None,
        frozen_stages: int | None = None,
        visual_prompt: dict | None = None,
        lora: dict | None = None,
        trained_layers: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        arch = self._arch_settings(arch)
        if out_type != 'featmap' or with_cls_token:
            raise ValueError(
                "PromptedVisionTransformer serves pose heads: out_type must be 'featmap' "
                f'and with_cls_token False, got {out_type!r} and {with_cls_token}.'
            )
        self.embed_dims = self.out_channels = arch['embed_dims']
        self.num_layers = arch['num_layers']
        if any(not -self.num_layers <= i < self.num_layers for i in out_indices):
            raise ValueError(
                f'out_indices must be of the {self.num_layers} layers, got {out_indices}.'
            )
        self.out_indices = [i % self.num_layers for i in out_indices]
        self.visual_prompt_settings = VisualPromptSettings.from_dict(
            visual_prompt, self.num_layers
        )
        tunes = self.visual_prompt_settings is not None or lora is not None
        self.frozen_stages = self._frozen_stages(frozen_stages, trained_layers, tunes)

        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=self.embed_dims,
            input_size=img_size,
            **{'kernel_size': patch_size, 'stride': patch_size, **(patch_cfg or {})},
        )
        h, w = self.patch_embed.init_out_size
        self.pos_embed = nn.Parameter(torch.zeros(1, h * w, self.embed_dims))
        trunc_normal_(self.pos_embed, std=0.02)
        self.drop_after_pos = nn.Dropout(drop_rate)
        widths = self.embed_dims, arch['num_heads'], arch['feedforward_channels']
        self.layers = ModuleList(
            TransformerLayer(*widths, drop_rate, attn_drop_rate, rate, qkv_bias, norm_eps)
            for rate in np.linspace(0, drop_path_rate, self.num_layers).tolist()
        )
        self.ln1 = nn.Identity()
        if final_norm:
            self.ln1 = nn.LayerNorm(self.embed_dims, eps=norm_eps)

        for part in (self.pos_embed, *self._frozen_modules()):
            part.requires_grad_(self.frozen_stages < 0)
        #: Names of what is trained in the base itself.
        self.thawed_params = trained_params(self)

        self.visual_prompts = self.visual_prompt_gates = None
        self.prefixes_cache = WeightCache()
        self.hyperparameters = {}
        settings, stem = self.visual_prompt_settings, self.patch_embed.projection
        if settings is not None:
            num_reading = self.num_layers - settings.start_layer
            num_sets = num_reading if settings.deep else 1
            self.hyperparameters, dims = settings.hyperparameters, self.embed_dims
            self.visual_prompts = make_prompts(num_sets, settings.num_tokens, dims, stem)
            self.visual_prompt_gates = make_gates(num_reading, settings.gate_init)
        self.lora = make_lora(self.layers, lora)
        self._adapter_params = trained_params(self)
        self.train()
        self.register_load_state_dict_pre_hook(PromptedVisionTransformer.prepare_checkpoint)

    def adapter_params(self) -> list[str]:
        """List the names of prompts, gates, low-rank updates, and the trained layers."""
        return self._adapter_params

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

    def _frozen_stages(
        self, frozen_stages: int | None, trained_layers: int | None, tunes: bool
    ) -> int:
        """Settle how much is frozen."""
        if frozen_stages is None:
            trained = count_trained_layers(trained_layers, tunes, self.num_layers)
            return -1 if trained is None else self.num_layers - trained
        if trained_layers is not None:
            raise ValueError(
                'frozen_stages and trained_layers both say what is frozen; give one.'
            )
        if not -1 <= frozen_stages <= self.num_layers:
            raise ValueError(
                f'frozen_stages must lie in [-1, {self.num_layers}], got {frozen_stages}.'
            )
        return frozen_stages

    def _frozen_modules(self) -> list[nn.Module]:
        """List the modules that ``frozen_stages`` freezes."""
        if self.frozen_stages < 0:
            return []
        frozen = [self.patch_embed, self.drop_after_pos, *self.layers[: self.frozen_stages]]
        return frozen + [self.ln1] * (self.frozen_stages == self.num_layers)

    def train(self, mode: bool = True) -> 'PromptedVisionTransformer':
        """Set the training mode; frozen parts stay in eval mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def forward(
        self, x: Tensor, tuned: bool = True, text_feats: TextFeatures | None = None
    ) -> tuple[Tensor]:
        """Compute feature maps E, B x C x h x w, of images, B x 3 x H x W.

        Args:
            x (Tensor): The images.
            tuned (bool): ``False`` runs the plain ViT, without prompts and updates.
            text_feats (TextFeatures, optional): Text that steers the low-rank updates.
        """
        x, (h, w) = self.patch_embed(x)  # B, hw, C
        pos_embed = self.pos_embed
        if (h, w) != self.patch_embed.init_out_size:
            pos_embed = resize_pos_embed(pos_embed, self.patch_embed.init_out_size, (h, w))
        x = self.drop_after_pos(x + pos_embed)

        settings = self.visual_prompt_settings if tuned else None
        prefixes = gates = updates = [None] * self.num_layers
        if settings is not None and settings.deep:
            skipped = [None] * settings.start_layer
            prefixes = skipped + self._prefixes()
            if self.visual_prompt_gates is not None:
                gates = [*skipped, *self.visual_prompt_gates]
        if tuned and self.lora is not None:
            updates = self.lora(x, text_feats)
        outs = {}
        for i, layer in enumerate(self.layers):
            if settings is not None and not settings.deep and i == settings.start_layer:
                prompts = self.visual_prompts.expand(x.shape[0], -1, -1)
                x = torch.cat([prompts, x], dim=1)  # B, P+hw, C
            x = layer(x, prefixes[i], gates[i], updates[i])
            if i in self.out_indices:
                out = self.ln1(x)[:, -h * w :]  # B, hw, C
                # The strides are mmpretrain's, which decide how the head rounds.
                outs[i] = out.reshape(out.shape[0], h, w, -1).permute(0, 3, 1, 2)
            if i == max(self.out_indices):
                break
        return tuple(outs[i] for i in self.out_indices)  # B, C, h, w

    def _prefixes(self) -> list[Tensor]:
        """Keys and values of deep prompts, 2 x heads x P x C/heads for each set."""
        # torch.export of torch 2.6 cannot trace a slice of the container itself.
        readers = list(self.layers)[self.visual_prompt_settings.start_layer :]
        sources = [self.visual_prompts]
        for layer in readers:
            sources += [*layer.ln1.parameters(), *layer.attn.qkv.parameters()]
        return self.prefixes_cache.get(
            sources,
            lambda: [
                layer.prefix(prompts)
                for layer, prompts in zip(readers, self.visual_prompts, strict=True)
            ],
        )

    def prepare_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: resize ``pos_embed``, drop what is not used, refuse a mismatch."""
        name = prefix + 'pos_embed'
        table = state_dict.get(name)
        if table is not None and table.shape[-1] == self.embed_dims:
            grid = self.patch_embed.init_out_size
            table, source_grid = split_pos_embed(table, grid)
            state_dict[name] = resize_pos_embed(table, source_grid, grid)
        state_dict.pop(prefix + 'cls_token', None)
        if self.lora is None:
            # They lie in the middle of a layer, where nothing else may be too much.
            updates = tuple(f'.{name}' for name in LoRALinear.adapter_params())
            for name in list(state_dict):
                if name.startswith(prefix) and name.endswith(updates):
                    del state_dict[name]
        # MAE's checkpoints end before the final norm.
        final_norm = {f'ln1.{name}' for name in self.ln1.state_dict()}
        added = set(self.adapter_params()).difference(self.thawed_params)
        check_strict(self, state_dict, prefix, optional=[final_norm, added])
