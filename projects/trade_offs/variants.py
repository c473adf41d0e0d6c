"""Every way to run a tuned model, from crops to heatmaps."""

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from projects.mini_humanart.runs import ROOT
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.export.exporter import export_model
from vlpose_mm.models.heads.dual_extractor_injector_head import WIRINGS
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

# What the others are compared with.
STOCK = 'the base, PyTorch'
TUNED = 'tuned, PyTorch'

Run = Callable[[Tensor, Sequence[PoseDataSample]], Tensor]


class Variant(NamedTuple):
    """A way to run a model."""

    name: str
    run: Run  # from crops, B x 3 x H x W, and their samples to heatmaps, B x K x h x w
    cfg: Config  # that of its images
    # The one that finds the same, within the rounding of its arithmetic.
    same_as: str | None = None


def resize(cfg: Config, divisor: tuple[int, int]) -> Config:
    """Scale the sizes of crops and heatmaps in a config by a fraction."""
    top, bottom = divisor

    def scaled(value: object, name: str = '') -> object:
        if isinstance(value, dict):
            return ConfigDict({k: scaled(v, k) for k, v in value.items()})
        if name in ('input_size', 'heatmap_size', 'img_size'):
            return tuple(side * top // bottom for side in value)
        if isinstance(value, list | tuple):
            return type(value)(scaled(each) for each in value)
        return value

    return Config(scaled(cfg.to_dict()), filename=cfg.filename)


def load(cfg: Config, checkpoint: str) -> VLPoseEstimator:
    """Build the model of a config and load weights."""
    model = MODELS.build(copy.deepcopy(cfg.model)).eval()
    load_state_dict(model, state_dict_of(read_file(checkpoint), checkpoint))
    return model


def by_pytorch(model: VLPoseEstimator, route: str, bf16: bool = False) -> Run:
    """Run a route with PyTorch."""
    arithmetic = torch.autocast('cpu', torch.bfloat16) if bf16 else nullcontext()

    def run(crops: Tensor, samples: Sequence[PoseDataSample]) -> Tensor:
        model.set_route(route)
        with torch.inference_mode(), arithmetic:
            return model(crops, samples)

    return run


def by_graph(path: str, route: str, **settings: object) -> Run:
    """Run a route of an exported graph on one thread."""
    sys.path.insert(0, str(ROOT / 'projects/onnx_runtime'))
    from vlpose_onnx import VLPoseOnnx

    graph = VLPoseOnnx(path, 1, **settings)
    known = graph.info['text_prompts']

    def run(crops: Tensor, samples: Sequence[PoseDataSample]) -> Tensor:
        prompts = [known.index(sample.metainfo['text_prompt']) for sample in samples]
        inputs = dict(images=crops.numpy(), text_prompt=np.array(prompts))
        heatmaps, *_ = graph.run({**inputs, 'tuned': np.array(route == 'tuned')})
        return torch.from_numpy(heatmaps)

    return run


def without_auxiliary_branch(model: VLPoseEstimator) -> VLPoseEstimator:
    """Copy a model without the auxiliary branch of its head."""
    model = copy.deepcopy(model)
    model.head.wiring = WIRINGS['entry']
    model.head.aux_deconv_layers, model.head.exit_gate = nn.Sequential(), None
    return model


def merged(model: VLPoseEstimator, text_prompt: str = DEFAULT_TEXT_PROMPT) -> Run:
    """Run a model whose low-rank updates are merged for one text prompt."""
    model = copy.deepcopy(model)
    model.merge_adapter(text_prompt)
    run = by_pytorch(model, 'tuned')
    sample = PoseDataSample(metainfo=dict(text_prompt=text_prompt))
    return lambda crops, samples: run(crops, [sample] * len(crops))


def make_variants(
    cfg: Config, checkpoint: str, student: str | None, folder: Path
) -> Iterator[Variant]:
    """Make every way to run a tuned model.

    Args:
        cfg (Config): The model's config.
        checkpoint (str): Its weights.
        student (str, optional): What ``vlpose_mm.tools.distill`` made of it.
        folder (Path): Where to put the graphs.
    """
    model = load(cfg, checkpoint)
    yield Variant(STOCK, by_pytorch(model, 'original'), cfg)
    yield Variant(f'{STOCK}, bf16', by_pytorch(model, 'original', bf16=True), cfg)
    yield Variant(TUNED, by_pytorch(model, 'tuned'), cfg)
    yield Variant(f'{TUNED}, bf16', by_pytorch(model, 'tuned', bf16=True), cfg)
    if model.backbone.lora is not None:
        run = merged(model)
        yield Variant(f'{TUNED}, merged for one text prompt', run, cfg, same_as=TUNED)
    if model.head.wiring.auxiliary:
        run = by_pytorch(without_auxiliary_branch(model), 'tuned')
        yield Variant(f'{TUNED}, without auxiliary branch', run, cfg)
    yield from _graphs('tuned', cfg, model, 'tuned', folder)
    if student is not None:
        model = load(cfg, student)
        # A checkpoint of the base: the same operations with other weights.
        for name, bf16 in (
            ('distilled, PyTorch', False),
            ('distilled, PyTorch, bf16', True),
        ):
            yield Variant(name, by_pytorch(model, 'original', bf16), cfg)
        yield from _graphs('distilled', cfg, model, 'original', folder)
    for divisor in ((3, 4), (1, 2)):
        small = resize(cfg, divisor)
        try:
            model = load(small, checkpoint)
        except ValueError:  # such crops are no grid of patches of the same shape
            continue
        w, h = model.head.decoder.input_size
        for kind, route in ((STOCK, 'original'), (TUNED, 'tuned')):
            yield Variant(f'{kind}, {w} x {h}', by_pytorch(model, route), small)


def _graphs(
    name: str, cfg: Config, model: VLPoseEstimator, route: str, folder: Path
) -> Iterator[Variant]:
    """Make those of a model that run it without PyTorch."""
    path = str(folder / f'{name}.onnx')
    export_model(cfg, model, path, smaller=['int8'])
    int8 = path.replace('.onnx', '_int8.onnx')
    of_pytorch = f'{name}, PyTorch'
    for title, file, settings, same_as in (
        ('ONNX Runtime', path, {}, of_pytorch),
        ('ONNX Runtime, int8', int8, {}, None),
        ('OpenVINO', path, dict(provider='openvino'), of_pytorch),
        ('OpenVINO, bf16', path, dict(provider='openvino', bf16=True), None),
    ):
        # Not every CPU has arithmetic in bfloat16.
        with suppress(ValueError):
            run = by_graph(file, route, **settings)
            yield Variant(f'{name}, {title}', run, cfg, same_as=same_as)
