"""MMPose's HRFormer with optional learnable prompts (method, part 2)."""

from itertools import zip_longest

from mmpose.models.backbones.hrformer import HRFormer, WindowMSA
from mmpose.registry import MODELS

from vlpose_mm.models.backbones.prompted_backbone import (
    PromptedBackbone,
    PromptedLayer,
    PromptSite,
)
from vlpose_mm.models.backbones.window_attention import PrefixWindowAttention


class PrefixWindowMSA(PrefixWindowAttention, WindowMSA):
    """HRFormer's window attention with a prefix."""


@MODELS.register_module()
class PromptedHRFormer(PromptedBackbone, HRFormer):
    """MMPose's HRFormer with optional learnable visual prompts.

    Layers are the depth steps of the transformer stages 2 to 4, where a step is the i-th
    block of every branch of a module; a gate serves all branches of a step. Prompts join
    every window, as in :class:`PromptedSwinTransformer`; shallow, the blocks of a branch
    read the same set within a stage. Frozen batch norms stay in eval mode.

    Args:
        extra (dict): The stages; stage 4 returns its first branch alone.
        visual_prompt (dict, optional): See :class:`PromptedBackbone`.
        trained_layers (int, optional): As there, in steps.
        **kwargs: Passed to :class:`mmpose.models.HRFormer`; ``frozen_stages`` only without
            ``visual_prompt`` and ``trained_layers``.

    Raises:
        ValueError: As there, or if stage 4 returns several maps.
    """

    prefix_attention = PrefixWindowMSA

    def __init__(
        self,
        extra: dict,
        *,
        visual_prompt: dict | None = None,
        trained_layers: int | None = None,
        **kwargs,
    ) -> None:
        if extra['stage4'].get('multiscale_output', False):
            raise ValueError(
                'A head reads one feature map: extra.stage4.multiscale_output must be '
                'False; omit it.'
            )
        super().__init__(extra, **kwargs)
        last = self.stage4[-1]
        self.out_channels = last.in_channels[0]
        fusions = f'stage4.{len(self.stage4) - 1}.fuse_layers'
        self.unused_outputs = tuple(f'{fusions}.{i}.' for i in range(1, last.num_branches))
        self.add_prompts(self._layers(), self.conv1, visual_prompt, trained_layers)

    def _layers(self) -> list[PromptedLayer]:
        """The steps; fusions and transitions follow some."""
        layers = []
        for stage in (2, 3, 4):
            for module in getattr(self, f'stage{stage}'):
                for step in zip_longest(*module.branches):
                    layers.append(PromptedLayer([], []))
                    for branch, block in enumerate(step):
                        if block is not None:
                            attn, name = block.attn.attn, (stage, branch)
                            site = PromptSite(attn, block.norm1, attn.embed_dims, name)
                            layers[-1].sites.append(site)
                            layers[-1].parts.append(block)
                if module.fuse_layers is not None:
                    layers[-1].parts.append(module.fuse_layers)
            if stage < 4:
                layers[-1].parts.append(getattr(self, f'transition{stage}'))
        return layers
