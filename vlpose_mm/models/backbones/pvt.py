"""MMPose's PVT and PVTv2 with optional learnable prompts (method, part 2)."""

from collections.abc import Sequence

import torch
from mmpose.models.backbones.pvt import (
    PVTEncoderLayer,
    PyramidVisionTransformer,
    PyramidVisionTransformerV2,
)
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.backbones.prompted_backbone import (
    PromptedBackbone,
    PromptedLayer,
    PromptSite,
    last_stage,
)
from vlpose_mm.models.peft.visual_prompts import Prefix


class PrefixMultiheadAttention(nn.MultiheadAttention):
    """PyTorch's attention with a prefix, which is set while prompts are read."""

    prefix: Prefix | None = None

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from N x B x C to the keys and to the prefix; ``value`` is ``key``.

        Returns:
            tuple[Tensor, Tensor | None]: Tokens, N x B x C, and the attention weights
            where MMPose's forward alone runs.
        """
        if self.prefix is None:
            return super().forward(query, key, value)
        tokens = self.prefix.tokens[:, None].expand(-1, key.shape[1], -1)  # P, B, C
        memory = torch.cat([tokens, key])  # P+M, B, C
        prompted, _ = super().forward(query, memory, memory, need_weights=False)
        if self.prefix.gate is None:
            return prompted, None
        plain, _ = super().forward(query, key, value)
        return self.prefix.gated(plain, prompted), None


class _PromptedPVT(PromptedBackbone):
    """What both PVTs share."""

    prefix_attention = PrefixMultiheadAttention

    def __init__(
        self,
        *,
        num_layers: Sequence[int] = (3, 4, 6, 3),
        out_indices: Sequence[int] | None = None,
        visual_prompt: dict | None = None,
        trained_layers: int | None = None,
        **kwargs,
    ) -> None:
        out_indices = last_stage(out_indices, len(num_layers))
        super().__init__(num_layers=num_layers, out_indices=out_indices, **kwargs)
        layers = self._layers()
        self.out_channels = layers[-1].sites[0].embed_dims
        stem = self.layers[0][0].projection
        self.add_prompts(layers, stem, visual_prompt, trained_layers)

    def _layers(self) -> list[PromptedLayer]:
        """The encoder layers; norms and the next stage's embeddings follow some."""
        layers, parts = [], []
        for number, (patch_embed, blocks, norm) in enumerate(self.layers):
            parts.append(patch_embed)
            for block in blocks:
                if isinstance(block, PVTEncoderLayer):
                    # Prompts join what is reduced already, so they pass its norm.
                    attn = block.attn
                    prompt_norm = attn.norm if attn.sr_ratio > 1 else block.norm1
                    site = PromptSite(attn.attn, prompt_norm, attn.embed_dims, number)
                    parts = [block]
                    layers.append(PromptedLayer([site], parts))
                else:
                    parts.append(block)
            parts.append(norm)
        return layers


@MODELS.register_module()
class PromptedPyramidVisionTransformer(_PromptedPVT, PyramidVisionTransformer):
    """MMPose's PVT with optional learnable visual prompts.

    Layers are encoder layers, counted over all stages. A layer's prompt tokens join the
    keys and values after spatial reduction and pass the same norm as they: the reduction's,
    or the layer's first where nothing is reduced. Queries are the grid alone, so tokens
    cannot travel. PyTorch's attention rounds otherwise where weights are frozen, so without
    prompts the output equals MMPose's bit for bit if its weights are frozen, too.

    Args:
        num_layers (Sequence[int]): Number of encoder layers of every stage.
        out_indices (Sequence[int], optional): Only the last stage, the default.
        visual_prompt (dict, optional): See :class:`PromptedBackbone`.
        trained_layers (int, optional): As there, in encoder layers.
        **kwargs: Passed to :class:`mmpose.models.PyramidVisionTransformer`.

    Raises:
        ValueError: As there, or if ``out_indices`` is another stage.
    """


@MODELS.register_module()
class PromptedPyramidVisionTransformerV2(_PromptedPVT, PyramidVisionTransformerV2):
    """MMPose's PVTv2, as :class:`PromptedPyramidVisionTransformer`."""
