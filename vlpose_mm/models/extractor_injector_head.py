"""The decoder: the original head and a trained twin beside it (method, part 4)."""

import copy

import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.checkpoint_fit import check_fit

# A deconvolution block of HeatmapHead: deconvolution, batch norm, ReLU.
BLOCK_LEN = 3


@MODELS.register_module()
class DualExtractorInjectorHead(HeatmapHead):
    """MMPose's heatmap head with an auxiliary branch that mixes in the relation.

    The original head lives inside under its stock names, frozen and in eval mode, so a
    stock checkpoint loads by name and ``forward((E,))`` is the stock head. Beside it are
    trained: the auxiliary branch (the same blocks), a copy of the predictor, and the
    gates. With main blocks M, auxiliary blocks A and gates g and h, as drawn in the
    paper::

        m = M0(E + g R)       a = A0(R)              injection at the entry
        m, a = Mi(m), Ai(a + m)                      extraction in the middle
        H = tuned_final_layer(m + h a)               injection at the exit

    Args:
        *args: Passed to :class:`mmpose.models.HeatmapHead`.
        gate_init (float, optional): Initial value of the gates; with 0.0 the relation
            changes nothing at first. ``None``: no gates, the paper's plain sum.
        **kwargs: Passed to :class:`mmpose.models.HeatmapHead`.

    Raises:
        ValueError: If the head has no deconvolution block or has further convolutions.
    """

    def __init__(self, *args, gate_init: float | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.deconv_layers, nn.Identity) or not isinstance(
            self.conv_layers, nn.Identity
        ):
            raise ValueError(
                'DualExtractorInjectorHead needs deconv_out_channels with at least one '
                'block and no conv_out_channels.'
            )
        self.aux_deconv_layers = copy.deepcopy(self.deconv_layers)
        self.tuned_final_layer = copy.deepcopy(self.final_layer)
        self.entry_gate = self.exit_gate = None
        if gate_init is not None:
            self.entry_gate = nn.Parameter(torch.tensor([float(gate_init)]))
            self.exit_gate = nn.Parameter(torch.tensor([float(gate_init)]))

        for part in (self.deconv_layers, self.final_layer):
            part.requires_grad_(False)
        self._register_load_state_dict_pre_hook(self.fit_checkpoint)

    def train(self, mode: bool = True) -> 'DualExtractorInjectorHead':
        """Set the training mode; the original head stays in eval mode."""
        super().train(mode)
        self.deconv_layers.eval()
        self.final_layer.eval()
        return self

    def init_weights(self) -> None:
        """Initialize the weights; the tuned predictor starts as a copy."""
        if self.is_init:
            return
        super().init_weights()
        self.tuned_final_layer.load_state_dict(self.final_layer.state_dict())

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Compute heatmaps.

        Args:
            feats (tuple[Tensor, ...]): ``(E, R)``, each B x C x h x w; or ``(E,)`` for the
                original head.

        Returns:
            Tensor: Heatmaps, B x K x H x W.
        """
        if len(feats) == 1:
            return super().forward(feats)
        feature_map, relation = feats
        main = self._inject(feature_map, relation, self.entry_gate)  # B, C, h, w
        aux = relation  # B, C, h, w
        for start in range(0, len(self.deconv_layers), BLOCK_LEN):
            block = slice(start, start + BLOCK_LEN)
            if start > 0:
                aux = aux + main
            main = self.deconv_layers[block](main)  # B, C', 2h, 2w
            aux = self.aux_deconv_layers[block](aux)  # B, C', 2h, 2w
        return self.tuned_final_layer(self._inject(main, aux, self.exit_gate))

    @staticmethod
    def _inject(main: Tensor, aux: Tensor, gate: Tensor | None) -> Tensor:
        """Add the auxiliary branch to the main one."""
        return main + (aux if gate is None else gate * aux)

    def fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: start the tuned predictor from the original's; refuse a misfit."""
        for name in self.final_layer.state_dict():
            original = state_dict.get(f'{prefix}final_layer.{name}')
            if original is not None:
                state_dict.setdefault(f'{prefix}tuned_final_layer.{name}', original)
        auxiliary = ('aux_deconv_layers.', 'entry_gate', 'exit_gate')
        check_fit(self, state_dict, prefix, optional=[auxiliary, ('tuned_final_layer.',)])
