"""The decoder: the original head and a trained copy beside it (method, part 4)."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from mmpose.codecs import UDPHeatmap
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.checkpoint.strict import check_strict
from vlpose_mm.codecs import BatchedUDPHeatmap
from vlpose_mm.models.peft.adapter_params import trained_params

# A deconvolution block of HeatmapHead: deconvolution, batch norm, ReLU.
BLOCK_LEN = 3


class Wiring(NamedTuple):
    """The connections between the main and the auxiliary branch; see the equations below.

    Attributes:
        entry (Callable): From E, R and ``g R`` to what the first main block and the first
            auxiliary block read.
        middle (Callable): From m, a and ``h a`` to what the next two blocks read.
        gates_entry (bool): Whether ``entry`` uses ``g R``.
        auxiliary (bool): Whether there is an auxiliary branch.
    """

    entry: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    middle: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    gates_entry: bool
    auxiliary: bool = True


WIRINGS = dict(
    # The paper's figure.
    dual=Wiring(lambda E, R, gR: (E + gR, R), lambda m, a, ha: (m, a + m), True),
    # The weaker ones of its ablation.
    extractor_injector=Wiring(lambda E, R, gR: (E, R), lambda m, a, ha: (m, a + m), False),
    injector=Wiring(lambda E, R, gR: (E, R), lambda m, a, ha: (m, a), False),
    # What the released weights were trained with.
    released=Wiring(lambda E, R, gR: (E + gR, E), lambda m, a, ha: (m + ha, m + ha), True),
    # A third of the adapter, for small files.
    entry=Wiring(lambda E, R, gR: (E + gR, None), lambda m, a, ha: (m, None), True, False),
)


@MODELS.register_module()
class DualExtractorInjectorHead(HeatmapHead):
    """MMPose's heatmap head with an auxiliary branch that mixes in the relation.

    The original head is inside under MMPose's names, frozen and in eval mode, so that
    MMPose's checkpoints load by name and ``forward((E,))`` is MMPose's head. The auxiliary
    branch (the same blocks), a copy of the predictor, and the gates are trained. With main
    blocks M, auxiliary blocks A and gates g and h, the wirings are::

        dual                m0 = M0(E + g R)    a0 = A0(R)
                            mi = Mi(m)          ai = Ai(a + m)
        extractor_injector  m0 = M0(E)          a0 = A0(R)
                            mi = Mi(m)          ai = Ai(a + m)
        injector            m0 = M0(E)          a0 = A0(R)
                            mi = Mi(m)          ai = Ai(a)
        released            m0 = M0(E + g R)    a0 = A0(E)
                            mi = Mi(m + h a)    ai = Ai(m + h a)
        entry               m0 = M0(E + g R)    no auxiliary branch
                            mi = Mi(m)          H = tuned_final_layer(m)

    where m and a are the outputs of the blocks before, and in all others
    ``H = tuned_final_layer(m + h a)`` after the last block. Without blocks, as in
    HRFormer's head, they are the same: ``H = tuned_final_layer(E + h R)``.

    Args:
        *args: Passed to :class:`mmpose.models.HeatmapHead`.
        wiring (str): ``'dual'`` (the paper's), ``'extractor_injector'``, ``'injector'``,
            ``'released'`` (the one of the released weights) or ``'entry'``.
        gate_init (float, optional): Initial value of the gates; 0.0 starts at the original
            head. ``None``: no gates, the paper's plain sum.
        tuned_norms (bool): Whether the main blocks use trained copies of their batch norms
            in the equations above, as in the released weights.
        base_out_channels (int, optional): Keypoints of the base where they are not the
            ``out_channels``: the tuned predictor is then a new one, and there is no
            original route.
        **kwargs: Passed to :class:`mmpose.models.HeatmapHead`.

    Raises:
        ValueError: If the wiring is unknown, or there are ``conv_out_channels``.
    """

    def __init__(
        self,
        *args,
        wiring: str = 'dual',
        gate_init: float | None = None,
        tuned_norms: bool = False,
        base_out_channels: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if wiring not in WIRINGS:
            raise ValueError(f'Unknown wiring {wiring!r}; choose one of {list(WIRINGS)}.')
        if not isinstance(self.conv_layers, nn.Identity):
            raise ValueError(
                'DualExtractorInjectorHead has no place for conv_out_channels between the '
                'blocks and the predictor; omit it.'
            )
        if type(self.decoder) is UDPHeatmap:
            self.decoder = BatchedUDPHeatmap.of(self.decoder)
        self.wiring = WIRINGS[wiring]
        self.hyperparameters = dict(wiring=wiring)
        self.aux_deconv_layers = nn.Sequential()
        if self.wiring.auxiliary:
            self.aux_deconv_layers = copy.deepcopy(self.deconv_layers)
        # The layout of the features; otherwise each call rearranges the weights. Not those
        # of the original branch, where it can change the last bit.
        self.aux_deconv_layers.to(memory_format=torch.channels_last)
        self.tuned_final_layer = copy.deepcopy(self.final_layer)
        self.base_out_channels = base_out_channels or self.out_channels
        if self.base_out_channels != self.out_channels:
            layer = self.final_layer
            sizes = layer.kernel_size, layer.stride, layer.padding
            self.final_layer = nn.Conv2d(layer.in_channels, self.base_out_channels, *sizes)
        self.tuned_norms = nn.ModuleList(
            copy.deepcopy(self.deconv_layers[block.start + 1])
            for block in self._blocks()
            if tuned_norms
        )
        self.entry_gate = self.exit_gate = None
        if gate_init is not None:
            if self.wiring.auxiliary or not self._blocks():
                self.exit_gate = nn.Parameter(torch.tensor([float(gate_init)]))
            if self.wiring.gates_entry and self._blocks():
                self.entry_gate = nn.Parameter(torch.tensor([float(gate_init)]))

        for part in (self.deconv_layers, self.final_layer):
            part.requires_grad_(False)
        self._adapter_params = trained_params(self)
        self.register_load_state_dict_pre_hook(DualExtractorInjectorHead.prepare_checkpoint)

    def adapter_params(self) -> list[str]:
        """List the names of the auxiliary branch, the tuned copies and the gates."""
        return self._adapter_params

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
        if self.base_out_channels == self.out_channels:
            self.tuned_final_layer.load_state_dict(self.final_layer.state_dict())

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Compute heatmaps.

        Args:
            feats (tuple[Tensor, ...]): ``(E, R)``, each B x C x h x w; or ``(E,)`` for the
                original head.

        Returns:
            Tensor: Heatmaps, B x K x H x W, in float32 or float64.
        """
        if len(feats) == 1:
            return _at_least_float32(super().forward(feats))
        main, aux = feats  # E and R: B, C, h, w
        for i, block in enumerate(self._blocks()):
            if i == 0:
                gated = self._gated(aux, self.entry_gate)
                main, aux = self.wiring.entry(main, aux, gated)
            else:
                gated = self._gated(aux, self.exit_gate)
                main, aux = self.wiring.middle(main, aux, gated)
            # torch.export of torch 2.6 cannot trace slices of the containers themselves.
            deconv, norm, relu = list(self.deconv_layers)[block]
            norm = self.tuned_norms[i] if self.tuned_norms else norm
            main = relu(norm(deconv(main)))  # B, C', 2h, 2w
            for layer in list(self.aux_deconv_layers)[block]:
                aux = layer(aux)  # B, C', 2h, 2w
        if aux is not None:
            main = main + self._gated(aux, self.exit_gate)
        return _at_least_float32(self.tuned_final_layer(main))

    def _blocks(self) -> list[slice]:
        """The blocks as slices of ``deconv_layers`` and ``aux_deconv_layers``."""
        if isinstance(self.deconv_layers, nn.Identity):
            return []
        starts = range(0, len(self.deconv_layers), BLOCK_LEN)
        return [slice(start, start + BLOCK_LEN) for start in starts]

    @staticmethod
    def _gated(x: Tensor, gate: Tensor | None) -> Tensor:
        """Scale what one branch passes to the other."""
        return x if gate is None else gate * x

    def prepare_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: initialize tuned copies from their originals; refuse a mismatch."""
        is_new = self.base_out_channels != self.out_channels
        for name, own in self.final_layer.state_dict().items():
            original = state_dict.get(f'{prefix}final_layer.{name}')
            if original is None:
                continue
            if len(original) != len(own) and original.shape[1:] == own.shape[1:]:
                raise ValueError(
                    f"The checkpoint's head predicts {len(original)} keypoints, and the "
                    f"config's {len(own)}. To start a new predictor on it, set "
                    f'model.head.base_out_channels={len(original)}.'
                )
            if not is_new:
                state_dict.setdefault(f'{prefix}tuned_final_layer.{name}', original)
        for name in self.tuned_norms.state_dict():
            i, _, last = name.partition('.')
            norm = BLOCK_LEN * int(i) + 1
            original = state_dict.get(f'{prefix}deconv_layers.{norm}.{last}')
            if original is not None:
                state_dict.setdefault(f'{prefix}tuned_norms.{name}', original)
        copied = ('tuned_norms.',) if is_new else ('tuned_final_layer.', 'tuned_norms.')
        auxiliary = {n for n in self.adapter_params() if not n.startswith(copied)}
        check_strict(self, state_dict, prefix, optional=[auxiliary])


def _at_least_float32(heatmaps: Tensor) -> Tensor:
    """Convert for MMPose's accuracy and decoding, which use NumPy."""
    return heatmaps.float() if heatmaps.dtype.itemsize < 4 else heatmaps
