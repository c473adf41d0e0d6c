"""What the prompted forms of MMPose's own backbones share (method, part 2)."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from torch import Tensor, nn

from vlpose_mm.checkpoint.strict import check_strict
from vlpose_mm.models.peft.adapter_params import trained_params
from vlpose_mm.models.peft.visual_prompts import (
    Prefix,
    VisualPromptSettings,
    count_trained_layers,
    make_gates,
    make_prompts,
)
from vlpose_mm.models.utils.modules import replace_modules


class PromptSite(NamedTuple):
    """An attention that reads prompts; those of a ``stage`` share shallow prompts."""

    attn: nn.Module
    norm: nn.Module
    embed_dims: int
    stage: Hashable


class PromptedLayer(NamedTuple):
    """A layer as prompts and ``trained_layers`` count it."""

    sites: list[PromptSite]
    parts: list[nn.Module]  # with what follows before the next layer


class Reader(NamedTuple):
    """A site and its prompts: which tensor, which set of it, which gate."""

    site: PromptSite
    width: int
    number: int
    layer: int


class PromptedBackbone:
    """Prompts, freezing and loading; to be inherited from before MMPose's backbone.

    A subclass takes the keyword arguments of MMPose's backbone and loads its checkpoints by
    name. MMPose's forward runs as it is; while it runs with prompts, every attention that
    reads some carries them as its ``prefix``. Deep: every layer reads a fresh set of P
    tokens. Shallow: the layers of a stage read the same set.

    Args:
        *args: Passed to MMPose's backbone, as ``**kwargs``.
        visual_prompt (dict, optional): ``num_tokens``, ``deep``, ``gate_init`` and
            ``start_layer``, see :class:`VisualPromptSettings`. ``None``: MMPose's backbone.
        trained_layers (int, optional): How many of the last layers are trained, with all
            that follows the first of them; by default 0 with ``visual_prompt``, else all.
            Frozen parts stay in eval mode.

    Raises:
        ValueError: If ``visual_prompt`` or ``trained_layers`` is out of range,
            ``frozen_stages`` is set beside one of them, or ``lora`` is set.
    """

    #: MMPose's attention class, extended by a ``prefix``.
    prefix_attention: type[nn.Module]
    #: Starts of names of MMPose's outputs that this backbone does not compute.
    unused_outputs: tuple[str, ...] = ()

    def __init__(self, *args, lora: dict | None = None, **kwargs) -> None:
        if lora is not None:
            raise ValueError(
                f'{type(self).__name__} has no low-rank updates, which only '
                'PromptedVisionTransformer has; omit lora.'
            )
        super().__init__(*args, **kwargs)

    def add_prompts(
        self,
        layers: list[PromptedLayer],
        stem: nn.Module,
        visual_prompt: dict | None,
        trained_layers: int | None,
    ) -> None:
        """Freeze what is not trained and create the prompts; call at the end.

        ``layers`` are in the order of computation, ``stem`` is the convolution that reads
        the pixels.
        """
        settings = VisualPromptSettings.from_dict(visual_prompt, len(layers))
        trained = count_trained_layers(trained_layers, settings is not None, len(layers))
        # PVT has no frozen_stages.
        if trained is not None and getattr(self, 'frozen_stages', -1) >= 0:
            raise ValueError(
                f'frozen_stages={self.frozen_stages} goes neither with visual_prompt nor '
                'with trained_layers, which say what is frozen; omit it.'
            )
        self._frozen = [] if trained is None else self._freeze(layers, trained)
        #: Names of what is trained in the base itself.
        self.thawed_params = trained_params(self)
        self._readers: list[Reader] = []
        self.visual_prompts = self.visual_prompt_gates = None
        self.hyperparameters = {} if settings is None else settings.hyperparameters
        if settings is not None:
            self._make_prompts(layers[settings.start_layer :], stem, settings)
        self._adapter_params = trained_params(self)
        self.train()
        self.register_load_state_dict_pre_hook(PromptedBackbone.prepare_checkpoint)

    def adapter_params(self) -> list[str]:
        """List the names of the prompts, their gates, and the trained layers."""
        return self._adapter_params

    def _freeze(self, layers: list[PromptedLayer], trained: int) -> list[str]:
        """Freeze all but the last layers; return the names of whole frozen modules."""
        kept = {
            module
            for layer in layers[len(layers) - trained :]
            for part in layer.parts
            for module in part.modules()
        }
        kept_params = {id(p) for module in kept for p in module.parameters(False)}
        for param in self.parameters():
            if id(param) not in kept_params:
                param.requires_grad_(False)
        # By name, since converting batch norms puts other modules in their places.
        names = [
            name
            for name, module in self.named_modules()
            if name and kept.isdisjoint(module.modules())
        ]
        return [name for name in names if name.rpartition('.')[0] not in names]

    def _make_prompts(
        self, layers: list[PromptedLayer], stem: nn.Module, settings: VisualPromptSettings
    ) -> None:
        """Create the sets of every width, and let the attentions read them."""
        attentions = [site.attn for layer in layers for site in layer.sites]
        prefixed = replace_modules(self, attentions, self.prefix_attention)
        sets_of: dict[int, dict[Hashable, int]] = {}
        for i, layer in enumerate(layers):
            for j, site in enumerate(layer.sites):
                sets = sets_of.setdefault(site.embed_dims, {})
                name = (i, j) if settings.deep else site.stage
                number = sets.setdefault(name, len(sets))
                width = list(sets_of).index(site.embed_dims)
                site = site._replace(attn=prefixed[site.attn])
                self._readers.append(Reader(site, width, number, i))
        self.visual_prompts = nn.ParameterList(
            make_prompts(len(sets), settings.num_tokens, embed_dims, stem)
            for embed_dims, sets in sets_of.items()
        )
        self.visual_prompt_gates = make_gates(len(layers), settings.gate_init)

    @contextmanager
    def _reading_prompts(self) -> Iterator[None]:
        """Hand every attention its prompts inside a ``with`` block."""
        sets = [prompts.unbind(0) for prompts in self.visual_prompts]
        gates = self.visual_prompt_gates
        gates = None if gates is None else gates.unbind(0)
        try:
            for site, width, number, layer in self._readers:
                tokens = site.norm(sets[width][number])  # P, C
                site.attn.prefix = Prefix(tokens, None if gates is None else gates[layer])
            yield
        finally:
            for reader in self._readers:
                reader.site.attn.prefix = None

    def train(self, mode: bool = True) -> 'PromptedBackbone':
        """Set the training mode; frozen parts stay in eval mode."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def forward(
        self, x: Tensor, tuned: bool = True, text_feats: object = None
    ) -> tuple[Tensor]:
        """Compute the last feature map E, B x C x h x w, of images, B x 3 x H x W.

        ``tuned=False`` runs MMPose's backbone. ``text_feats`` are not read, as there are
        no low-rank updates to steer.
        """
        prompted = tuned and self.visual_prompts is not None
        with self._reading_prompts() if prompted else nullcontext():
            return tuple(super().forward(x))

    def prepare_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: drop outputs that are not computed, refuse what does not match."""
        unused = tuple(prefix + name for name in self.unused_outputs)
        for name in [name for name in state_dict if unused and name.startswith(unused)]:
            del state_dict[name]
        for name, buffer in self.named_buffers():
            # Follows from the window size; not every checkpoint has it.
            table = name.replace('_position_index', '_position_bias_table')
            if table != name and prefix + table in state_dict:
                state_dict.setdefault(prefix + name, buffer)
        added = set(self.adapter_params()).difference(self.thawed_params)
        check_strict(self, state_dict, prefix, optional=[added])


def last_stage(out_indices: Sequence[int] | None, num_stages: int) -> tuple[int]:
    """Check that ``out_indices`` are the last stage alone, the default."""
    last = (num_stages - 1,)
    if out_indices is not None and tuple(out_indices) != last:
        raise ValueError(
            'A head reads one feature map, the one that all layers lead to: out_indices '
            f'must be {last}, got {out_indices}; omit it.'
        )
    return last
