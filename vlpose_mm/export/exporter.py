"""Write a VLPose as ONNX files."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import onnx_ir as ir
from mmengine.config import Config

from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.export.check import TOLERANCE, crop_images, differences
from vlpose_mm.export.graph import join, trace
from vlpose_mm.export.metadata import KEY, describe, keypoints_of
from vlpose_mm.export.quantization import to_half, to_int8
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.export.text_prompts import collect_text_prompts
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders import RandomTextEncoder

# What one ONNX file holds, in bytes.
MAX_BYTES = 2**31 - 1


class ExportedFile(NamedTuple):
    """A file that was written."""

    path: str
    kind: str  # 'float32', 'half' or 'int8'
    num_bytes: int
    differences: dict[str, float]  # to the model, see differences()


class Export(NamedTuple):
    """The files, float32 first, and the text prompts of the graph."""

    files: list[ExportedFile]
    text_prompts: list[str | list[str]]


def export_model(
    cfg: Config,
    model: VLPoseEstimator,
    out: str,
    text_prompts: str | None = None,
    images: Sequence[str] = (),
    smaller: Sequence[str] = (),
) -> Export:
    """Write a model as one graph with its text prompts in it, and check it.

    Nothing is written before everything is computed and the graph of float32 is checked.

    Args:
        cfg (Config): The model's config.
        model (VLPoseEstimator): The model, with its weights, on the CPU.
        out (str): File to write, such as ``model.onnx``.
        text_prompts (str, optional): File of text prompts, see
            :func:`collect_text_prompts`.
        images (Sequence[str]): Files of images to check it on, besides random ones.
        smaller (Sequence[str]): Further graphs, ``'half'`` and ``'int8'``, written beside
            it as ``model_half.onnx`` and ``model_int8.onnx``.

    Raises:
        OSError: If a file cannot be read or written.
        ValueError: If the model cannot be written as a graph, or the graph computes
            something else.
    """
    if not out.endswith('.onnx'):
        raise ValueError(f'Cannot write {out}: name it .onnx.')
    _check(model)
    keypoints = keypoints_of(cfg)
    prompts = collect_text_prompts(
        cfg, text_prompts, keypoints['names'], model.scenario_classifier
    )
    description = describe(cfg, model, keypoints, prompts)
    crops = crop_images(cfg, model, images) if images else None
    model.eval()
    input_size = tuple(description['codec']['input_size'])
    routes = [
        trace(route.eval(), input_size)
        for route in (OriginalRoute(model), TunedRoute(model, prompts.encoded))
    ]
    stem = out.removesuffix('.onnx')
    contents, errors = {}, {}
    for kind in ('float32', *smaller):
        # Joining consumes its inputs.
        protos = map(ir.to_proto, routes)
        graph = join(*map(to_int8 if kind == 'int8' else ir.from_proto, protos))
        if kind == 'half':
            to_half(graph.graph)
        graph.metadata_props[KEY] = json.dumps(description)
        path = out if kind == 'float32' else f'{stem}_{kind}.onnx'
        contents[path] = kind, ir.to_proto(graph).SerializeToString()
        errors[path] = differences(contents[path][1], model, prompts.encoded, crops)
        too_large = {k: v for k, v in errors[path].items() if not v <= TOLERANCE}
        if kind == 'float32' and too_large:
            raise ValueError(
                f'The graph does not compute what the model does: off by {too_large}, and '
                f'at most {TOLERANCE} is allowed. Nothing was written.'
            )
    files = []
    for path, (kind, content) in contents.items():
        with replace_file(path) as file:
            file.write(content)
        files.append(ExportedFile(path, kind, len(content), errors[path]))
    return Export(files, description['text_prompts'])


def _check(model: VLPoseEstimator) -> None:
    """Refuse what a graph cannot hold."""
    encoder, classifier = model.text_encoder, model.scenario_classifier
    if isinstance(encoder, RandomTextEncoder) and encoder.fresh:
        raise ValueError(
            'The text encoder draws new token states in every call, and a graph has the '
            'same every time; set model.text_encoder.fresh=False.'
        )
    if classifier is not None and not classifier.fitted:
        raise ValueError(
            'The scenario classifier is not fitted; fit it with '
            '`python -m vlpose_mm.tools.fit_scenario_classifier`, or omit it with '
            '--cfg-options model.scenario_classifier=None.'
        )
    if model.head.base_out_channels != model.head.out_channels:
        raise ValueError(
            'The graph holds both routes, and the base predicts other keypoints than the '
            'tuned predictor (model.head.base_out_channels); it cannot be exported.'
        )
    size = sum(param.numel() * param.element_size() for param in model.parameters())
    if size > MAX_BYTES:
        raise ValueError(
            f'The weights take {size / 1e9:.1f} GB, and one ONNX file holds 2.1 GB; export '
            'a smaller backbone.'
        )
