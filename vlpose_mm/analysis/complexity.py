"""Parameters, FLOPs and checkpoint sizes of a pose estimator."""

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


def model_complexity(cfg: Mapping) -> dict:
    """Count the parameters, FLOPs and bytes of a config's model, built without weights.

    FLOPs are those of :func:`count_flops`, for one image and one forward pass. Encoding the
    text prompt does not count, since it is cached.

    Args:
        cfg (Mapping): A config with ``model``, a VLPose or any pose estimator on images.

    Returns:
        dict: Ready for JSON.

        - ``type`` (str), ``input_size`` (list[int]): Width and height in pixels.
        - ``flip_test`` (bool): Whether testing takes two forward passes.
        - ``parts`` (list[dict]): ``name``, ``params`` and ``trainable`` of each part; and
          ``total`` (dict), the sums.
        - ``text`` (dict): ``num_tokens`` and ``embed_dims`` of the default text prompt, and
          ``params`` of the frozen language model, which is in no part. ``None`` without
          text encoder.
        - ``flops`` (dict[str, int]): FLOPs of the route ``original``, and for a VLPose of
          ``tuned``.
        - ``tuned_to_original`` (float): Their ratio; ``None`` without tuned route.
        - ``checkpoint_bytes`` (dict[str, int]): File size of the weights: ``full``, and for
          a VLPose ``adapter``.

    Raises:
        OSError: If the text encoder cannot load its language model or file.
        ValueError: If there is no ``model``, its input size is unknown, or the FLOPs depend
            on the content of the image.
    """
    if not cfg.get('model'):
        raise ValueError('The config has no `model`; use the config of a pose estimator.')
    model_cfg = {**cfg['model']}
    size = input_size(cfg)
    text = encoder = None
    if model_cfg.get('text_encoder') is not None:
        encoder = MODELS.build(model_cfg['text_encoder'])
        features, num_params = _encode(encoder)
        _, num_tokens, embed_dims = features.last_hidden_state.shape
        text = dict(num_tokens=num_tokens, embed_dims=embed_dims, params=num_params)
        # A stand-in, as most encoders cannot run on the meta device.
        model_cfg['text_encoder'] = dict(
            type='RandomTextEncoder', embed_dims=embed_dims, num_tokens=num_tokens
        )
    model = build_on_meta(model_cfg)
    is_vlpose = isinstance(model, VLPoseEstimator)
    stand_in = getattr(model, 'text_encoder', None)
    if encoder is not None:
        model.text_encoder = encoder.to('meta')
    state = model.state_dict()
    adapter_params = model.adapter_params() if is_vlpose else []
    parts = _count_params(model, {*adapter_params})
    sizes = dict(full=_file_bytes(state))
    if is_vlpose:
        sizes['adapter'] = _file_bytes({name: state[name] for name in adapter_params})
        model.text_encoder = stand_in

    model.requires_grad_(False)  # the counter fails on gradients of meta tensors
    flops = {}
    for route in ('original', 'tuned') if is_vlpose else ('original',):
        if is_vlpose:
            model.set_route(route)
        flops[route] = _count_flops(model, size)
    return dict(
        type=type(model).__name__,
        input_size=list(size),
        flip_test=bool((model_cfg.get('test_cfg') or {}).get('flip_test', False)),
        parts=parts,
        total={key: sum(part[key] for part in parts) for key in ('params', 'trainable')},
        text=text,
        flops=flops,
        tuned_to_original=flops['tuned'] / flops['original'] if is_vlpose else None,
        checkpoint_bytes=sizes,
    )


def input_size(cfg: Mapping) -> tuple[int, int]:
    """Return the input width and height of a config's model, in pixels."""
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
            'The input size is unknown: neither model.head.decoder nor codec has '
            'input_size, and model.backbone has no img_size. Set one of them.'
        )
    h, w = (size, size) if isinstance(size, int) else size
    return w, h


def _encode(encoder: TextEncoder) -> tuple[TextFeatures, int]:
    """Encode the default text prompt, and count the parameters of the language model."""
    used = {}

    def record(module: nn.Module, args: tuple) -> None:
        used.update((id(p), p.numel()) for p in module.parameters())

    # The language model is not a submodule of its encoder, but it is called.
    hook = register_module_forward_pre_hook(record)
    try:
        with torch.no_grad():
            features = encoder.eval()([DEFAULT_TEXT_PROMPT])
    finally:
        hook.remove()
    own = {id(p) for p in encoder.parameters()}
    return features, sum(numel for key, numel in used.items() if key not in own)


def _count_params(model: nn.Module, adapter_params: set[str]) -> list[dict]:
    """Count the parameters of each part, in the order of the model."""
    counts = {}
    for child, _ in model.named_children():
        for part in (child, f'{child} (adapter)'):
            counts[part] = dict(name=part, params=0, trainable=0)
    for name, param in model.named_parameters():
        row = counts[part_of(name, adapter_params)]
        row['params'] += param.numel()
        row['trainable'] += param.numel() * param.requires_grad
    return [row for row in counts.values() if row['params']]


def _file_bytes(state_dict: dict[str, Tensor]) -> int:
    """Compute the size of the file that ``torch.save`` writes."""
    file = io.BytesIO()
    empty = {name: torch.empty(0, dtype=t.dtype) for name, t in state_dict.items()}
    torch.save(dict(state_dict=empty), file)
    return file.tell() + sum(t.numel() * t.element_size() for t in state_dict.values())


def _count_flops(model: nn.Module, input_size: tuple[int, int]) -> int:
    w, h = input_size
    inputs = torch.empty(1, 3, h, w, device='meta')
    samples = [PoseDataSample(metainfo=dict(text_prompt=DEFAULT_TEXT_PROMPT))]
    try:
        with torch.no_grad():
            return count_flops(lambda: model(inputs, samples))
    except NotImplementedError as error:
        raise ValueError(
            f'The FLOPs of {type(model).__name__} depend on the content of the image, so '
            'they cannot be counted; use the config of a top-down estimator.'
        ) from error
