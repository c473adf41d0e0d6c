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

    Takes the keyword arguments of :class:`mmpose.models.HRFormer` and loads its
    checkpoints by name. Layers are the depth steps of the transformer stages 2 to 4, where
    a step is the i-th block of every branch of a module. In every branch, a step's prompt
    tokens pass the block's first norm and join the keys and values of every window,
    without a position bias and never hidden by the padding mask. Queries are windows,
    through which tokens cannot travel. Deep: every block reads a fresh set of P tokens.
    Shallow: the blocks of a branch read the same set within a stage. A gate serves all
    branches of a step.

    Args:
        extra (dict): The stages; stage 4 returns its first branch alone.
        frozen_stages (int): As MMPose's backbone's; only without ``visual_prompt`` and
            ``trained_layers``.
        visual_prompt (dict, optional): ``num_tokens``, ``deep``, ``gate_init`` and
            ``start_layer``, see :class:`VisualPromptSettings`. ``None``: MMPose's backbone.
        trained_layers (int, optional): How many of the last steps are trained, with all
            that follows the first of them (fusions, transitions); by default 0 with
            ``visual_prompt``, else all. Frozen parts stay in eval mode, batch norms too.
        **kwargs: Passed to :class:`mmpose.models.HRFormer`.

    Raises:
        ValueError: If ``visual_prompt`` or ``trained_layers`` is out of range,
            ``frozen_stages`` is set beside one of them, or stage 4 returns several maps.
    """

    prefix_attention = PrefixWindowMSA

    def __init__(
        self,
        extra: dict,
        *,
        frozen_stages: int = -1,
        visual_prompt: dict | None = None,
        trained_layers: int | None = None,
        **kwargs,
    ) -> None:
        if extra['stage4'].get('multiscale_output', False):
            raise ValueError(
                'A head reads one feature map: extra.stage4.multiscale_output must be '
                'False; omit it.'
            )
        super().__init__(extra, frozen_stages=frozen_stages, **kwargs)
        last = self.stage4[-1]
        self.out_channels = last.in_channels[0]
        self.unused_outputs = tuple(
            f'stage4.{len(self.stage4) - 1}.fuse_layers.{i}.'
            for i in range(1, last.num_branches)
        )
        self.add_prompts(self._layers(), self.conv1, visual_prompt, trained_layers)

    def _layers(self) -> list[PromptedLayer]:
        """The steps; fusions and transitions follow some."""
        layers = []
        for stage in (2, 3, 4):
            for module in getattr(self, f'stage{stage}'):
                for step in zip_longest(*module.branches):
                    branches = [(i, b) for i, b in enumerate(step) if b is not None]
                    sites = [
                        PromptSite(
                            block.attn.attn,
                            block.norm1,
                            block.attn.attn.embed_dims,
                            (stage, branch),
                        )
                        for branch, block in branches
                    ]
                    layers.append(PromptedLayer(sites, [block for _, block in branches]))
                if module.fuse_layers is not None:
                    layers[-1].parts.append(module.fuse_layers)
            if stage < 4:
                layers[-1].parts.append(getattr(self, f'transition{stage}'))
        return layers
