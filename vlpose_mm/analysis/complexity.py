"""What a pose estimator is made of and what it costs."""

import io
from collections.abc import Mapping

import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from vlpose_mm.analysis.base_model import build_on_meta
from vlpose_mm.analysis.flops import count_flops
from vlpose_mm.checkpoint.adapter import part_of
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders.base import TextEncoder, TextFeatures


def describe(cfg: Mapping) -> dict:
    """Count the parameters, FLOPs and bytes of a config's model.

    The model is built without weights. A FLOP is one of a convolution, a
    linear layer or an attention, for one image and one pass through the network; what
    is computed once per batch counts in full. Encoding the text prompt is omitted, since
    it runs once per text prompt.

    Args:
        cfg (Mapping): A config with ``model``: a VLPose or any other pose estimator whose
            input is an image.

    Returns:
        dict: Ready for JSON.

        - ``type`` (str): Class of the model.
        - ``input_size`` (list[int]): Width and height in pixels.
        - ``flip_test`` (bool): Whether testing takes two passes.
        - ``parts`` (list[dict]): ``name``, ``parameters``, ``trained`` of each part.
        - ``total`` (dict): ``parameters`` and ``trained`` of all parts.
        - ``text`` (dict): Of the default text prompt, ``tokens`` and ``width``, and
          ``parameters`` of the frozen language model, which belongs to no part. ``None``
          without text encoder.
        - ``flops`` (dict[str, int]): FLOPs of each route: ``original``, and
          for a VLPose ``tuned``.
        - ``tuned_to_original`` (float): Their ratio; ``None`` without tuned route.
        - ``checkpoint_bytes`` (dict[str, int]): Size of a file with the weights alone:
          ``full``, and for a VLPose ``adapter``: what is trained, with the statistics
          of trained batch norms.

    Raises:
        OSError: If the text encoder cannot load its language model or file.
        ValueError: If there is no ``model``, nothing tells the size of its input, or how
            much it computes depends on what is in the image.
    """
    if not cfg.get('model'):
        raise ValueError('The config has no `model`; give the config of a pose estimator.')
    model_cfg = {**cfg['model']}
    size = input_size(cfg)
    text = encoder = None
    if model_cfg.get('text_encoder') is not None:
        encoder = MODELS.build(model_cfg['text_encoder'])
        features, num_params = _encode(encoder)
        _, num_tokens, width = features.last_hidden_state.shape
        text = dict(tokens=num_tokens, width=width, parameters=num_params)
        # A stand-in, as most encoders cannot run on the meta device.
        model_cfg['text_encoder'] = dict(
            type='RandomTextEncoder', embed_dims=width, num_tokens=num_tokens
        )
    model = build_on_meta(model_cfg)
    stand_in = getattr(model, 'text_encoder', None)
    if encoder is not None:
        model.text_encoder = encoder.to('meta')
    is_vlpose = isinstance(model, VLPoseEstimator)

    parts = _count_parts(model, is_vlpose)
    state = model.state_dict()
    sizes = dict(full=_file_bytes(state))
    if is_vlpose:
        names = model.adapter_params()
        sizes['adapter'] = _file_bytes({name: state[name] for name in names})

    # Gradients of meta tensors are of no use, and the counter trips over them.
    model.requires_grad_(False)
    if is_vlpose:
        model.text_encoder = stand_in
        flops = {}
        for route in ('original', 'tuned'):
            model.set_route(route)
            flops[route] = _count_flops(model, size)
    else:
        flops = dict(original=_count_flops(model, size))
    return dict(
        type=type(model).__name__,
        input_size=list(size),
        flip_test=bool((model_cfg.get('test_cfg') or {}).get('flip_test', False)),
        parts=parts,
        total={k: sum(part[k] for part in parts) for k in ('parameters', 'trained')},
        text=text,
        flops=flops,
        tuned_to_original=flops['tuned'] / flops['original'] if is_vlpose else None,
        checkpoint_bytes=sizes,
    )


def input_size(cfg: Mapping) -> tuple[int, int]:
    """Find the size of a model's input.

    Args:
        cfg (Mapping): A config with ``model``.

    Returns:
        tuple[int, int]: Width and height in pixels.

    Raises:
        ValueError: If nothing tells it.
    """
    model = cfg['model']
    for codec in ((model.get('head') or {}).get('decoder'), cfg.get('codec')):
        # Networks with several outputs have a codec for each.
        codec = codec[-1] if isinstance(codec, list | tuple) else codec
        if codec and 'input_size' in codec:
            w, h = codec['input_size']
            return w, h
    size = model.get('backbone', {}).get('img_size')
    if size is None:
        raise ValueError(
            'Nothing tells the size of the input: neither model.head.decoder nor codec '
            'has input_size, and model.backbone has no img_size. Give one of them.'
        )
    h, w = (size, size) if isinstance(size, int) else size
    return w, h


def _encode(encoder: TextEncoder) -> tuple[TextFeatures, int]:
    """Encode the default text prompt; count the parameters outside the encoder it takes."""
    used = {}

    def note(module: nn.Module, args: tuple) -> None:
        used.update((id(p), p.numel()) for p in module.parameters())

    # A language model is no submodule of its encoder, but it has to be called.
    hook = register_module_forward_pre_hook(note)
    try:
        with torch.no_grad():
            features = encoder.eval()([DEFAULT_TEXT_PROMPT])
    finally:
        hook.remove()
    own = {id(p) for p in encoder.parameters()}
    return features, sum(numel for key, numel in used.items() if key not in own)


def _count_parts(model: nn.Module, is_vlpose: bool) -> list[dict]:
    """Count the parameters of each part, in the order of the model."""
    adapter_params = {*model.adapter_params()} if is_vlpose else set()
    parts = [
        f'{child}{kind}'
        for child, _ in model.named_children()
        for kind in ('', ' (adapter)')
    ]
    counts = {part: dict(name=part, parameters=0, trained=0) for part in parts}
    for name, param in model.named_parameters():
        row = counts[part_of(name, adapter_params)]
        row['parameters'] += param.numel()
        row['trained'] += param.numel() * param.requires_grad
    return [row for row in counts.values() if row['parameters']]


def _file_bytes(state: dict[str, Tensor]) -> int:
    """Compute the size of the file that ``torch.save`` makes of a ``state_dict``."""
    frame = io.BytesIO()
    # With the same names and no numbers: what the file holds besides them.
    empty = {name: torch.empty(0, dtype=tensor.dtype) for name, tensor in state.items()}
    torch.save(dict(state_dict=empty), frame)
    return frame.tell() + sum(t.numel() * t.element_size() for t in state.values())


def _count_flops(model: nn.Module, input_size: tuple[int, int]) -> int:
    """Count the FLOPs of one image."""
    w, h = input_size
    inputs = torch.empty(1, 3, h, w, device='meta')
    samples = [PoseDataSample(metainfo=dict(text_prompt=DEFAULT_TEXT_PROMPT))]
    try:
        with torch.no_grad():
            return count_flops(lambda: model(inputs, samples))
    except NotImplementedError as error:
        raise ValueError(
            f'How much {type(model).__name__} computes depends on what is in the image, '
            'so it cannot be counted beforehand. Describe a top-down estimator.'
        ) from error
