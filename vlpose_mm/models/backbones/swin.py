"""MMPose's Swin with optional learnable prompts (method, part 2)."""

from collections.abc import Sequence

import torch.utils.checkpoint as cp
from mmpose.models.backbones.swin import (
    ShiftWindowMSA,
    SwinBlock,
    SwinTransformer,
    WindowMSA,
)
from mmpose.registry import MODELS
from torch import Tensor

from vlpose_mm.models.backbones.prompted_backbone import (
    PromptedBackbone,
    PromptedLayer,
    PromptSite,
    last_stage,
)
from vlpose_mm.models.backbones.window_attention import PrefixWindowAttention
from vlpose_mm.models.utils.modules import replace_modules


class PrefixWindowMSA(PrefixWindowAttention, WindowMSA):
    """Swin's window attention with a prefix."""


class TraceableShiftWindowMSA(ShiftWindowMSA):
    """Windows put together again with integers, which a trace keeps for every batch."""

    def window_reverse(self, windows: Tensor, H: int, W: int) -> Tensor:
        """Put windows, (B * windows) x side x side x C, together to B x H x W x C."""
        side = self.window_size
        rows, columns = H // side, W // side
        B = windows.shape[0] // (rows * columns)
        x = windows.view(B, rows, columns, side, side, -1)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, -1)


class CheckpointedSwinBlock(SwinBlock):
    """A block whose recomputation in the backward pass reads the same prompts."""

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """Run the block and keep nothing but its input; all B x hw x C."""
        attn = self.attn.w_msa
        prefix = attn.prefix

        def run(x: Tensor) -> Tensor:
            # By the backward pass, the backbone has taken the prefix away.
            current, attn.prefix = attn.prefix, prefix
            try:
                return super(CheckpointedSwinBlock, self).forward(x, hw_shape)
            finally:
                attn.prefix = current

        return cp.checkpoint(run, x, use_reentrant=False)


@MODELS.register_module()
class PromptedSwinTransformer(PromptedBackbone, SwinTransformer):
    """MMPose's Swin with optional learnable visual prompts.

    Layers are blocks, counted over all stages. A block's prompt tokens pass its first norm
    and join the keys and values of every window, without a position bias and never hidden
    by the shift mask. Queries are windows, through which tokens cannot travel.

    Args:
        depths (Sequence[int]): Number of blocks of every stage.
        out_indices (Sequence[int], optional): Only the last stage, the default.
        visual_prompt (dict, optional): See :class:`PromptedBackbone`.
        trained_layers (int, optional): As there, in blocks.
        **kwargs: Passed to :class:`mmpose.models.SwinTransformer`; ``frozen_stages`` only
            without ``visual_prompt`` and ``trained_layers``.

    Raises:
        ValueError: As there, or if ``out_indices`` is another stage.
    """

    prefix_attention = PrefixWindowMSA

    def __init__(
        self,
        *,
        depths: Sequence[int] = (2, 2, 6, 2),
        out_indices: Sequence[int] | None = None,
        visual_prompt: dict | None = None,
        trained_layers: int | None = None,
        **kwargs,
    ) -> None:
        out_indices = last_stage(out_indices, len(depths))
        super().__init__(depths=depths, out_indices=out_indices, **kwargs)
        self.out_channels = self.num_features[-1]
        self.unused_outputs = tuple(f'norm{i}.' for i in range(len(depths) - 1))
        stem = self.patch_embed.projection
        self.add_prompts(self._layers(), stem, visual_prompt, trained_layers)
        blocks = [block for stage in self.stages for block in stage.blocks]
        replace_modules(self, [block.attn for block in blocks], TraceableShiftWindowMSA)
        prompted = [b for b in blocks if isinstance(b.attn.w_msa, PrefixWindowMSA)]
        checkpointed = [block for block in prompted if block.with_cp]
        for block in replace_modules(self, checkpointed, CheckpointedSwinBlock).values():
            block.with_cp = False

    def _layers(self) -> list[PromptedLayer]:
        """The blocks; patch merging and the final norm follow some."""
        layers = []
        for number, stage in enumerate(self.stages):
            for block in stage.blocks:
                attn = block.attn.w_msa
                site = PromptSite(attn, block.norm1, attn.embed_dims, number)
                layers.append(PromptedLayer([site], [block]))
            if stage.downsample is not None:
                layers[-1].parts.append(stage.downsample)
        layers[-1].parts.append(getattr(self, f'norm{len(self.stages) - 1}'))
        return layers
