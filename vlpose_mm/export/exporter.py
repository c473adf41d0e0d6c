"""Write a VLPose as ONNX files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import onnx_ir as ir
from mmengine.config import Config

from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.export.check import TOLERANCE, crop_images, differences
from vlpose_mm.export.graph import join, trace
from vlpose_mm.export.metadata import as_properties, describe, keypoints_of
from vlpose_mm.export.quantization import to_half, to_int8
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.export.text_prompts import collect_words
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders import RandomTextEncoder

#: What one ONNX file holds, in bytes.
LARGEST = 2**31 - 1
SMALLER: dict[str, Callable[[ir.Model], None]] = dict(half=to_half, int8=to_int8)


class Written(NamedTuple):
    """A file that was written.

    Attributes:
        path (str): The file.
        kind (str): ``'float32'``, ``'half'`` or ``'int8'``.
        num_bytes (int): Its size.
        differences (dict[str, float]): To the model, see :func:`differences`.
    """

    path: str
    kind: str
    num_bytes: int
    differences: dict[str, float]


class Exported(NamedTuple):
    """What became of an export.

    Attributes:
        files (list[Written]): The files; the first is that of float32.
        text_prompts (list[str | list[str]]): What the graph can be told.
    """

    files: list[Written]
    text_prompts: list[str | list[str]]


def export_model(
    cfg: Config,
    model: VLPoseEstimator,
    out: str,
    text_prompts: str | None = None,
    images: Sequence[str] = (),
    smaller: Sequence[str] = (),
) -> Exported:
    """Write a model as one graph with its text prompts in it, and check it.

    Nothing is written before everything is computed and the graph of float32 is checked.

    Args:
        cfg (Config): The model's config.
        model (VLPoseEstimator): The model, with its weights, on the CPU.
        out (str): File to write, such as ``model.onnx``.
        text_prompts (str, optional): File of text prompts, see :func:`collect_words`.
        images (Sequence[str]): Files of images to check it on, beside random ones.
        smaller (Sequence[str]): Further graphs, written beside it as ``model_half.onnx``
            and ``model_int8.onnx``: ``'half'`` and ``'int8'``.

    Returns:
        Exported: The files.

    Raises:
        OSError: If a file cannot be read or written.
        ValueError: If the model cannot be written as a graph, or the graph computes
            something else.
    """
    if not out.endswith('.onnx'):
        raise ValueError(f'Cannot write {out}: name it .onnx.')
    _check(model)
    keypoints = keypoints_of(cfg)
    words = collect_words(cfg, text_prompts, keypoints['names'], model.scenario_classifier)
    described = describe(cfg, model, keypoints, words)
    crops = crop_images(cfg, model, images) if images else None
    model.eval()
    input_size = tuple(described['codec']['input_size'])
    graph = join(
        trace(OriginalRoute(model).eval(), input_size),
        trace(TunedRoute(model, words.prompts).eval(), input_size),
    )
    graph.metadata_props.update(as_properties(described))
    made = {out: ('float32', _serialize(graph))}
    found = {out: differences(made[out][1], model, words.prompts, crops)}
    off = {name: value for name, value in found[out].items() if not value <= TOLERANCE}
    if off:
        raise ValueError(
            f'The graph does not compute what the model does: off by {off}, and at most '
            f'{TOLERANCE} is allowed. Nothing was written.'
        )
    for kind in smaller:
        path = str(Path(out).with_name(f'{Path(out).stem}_{kind}.onnx'))
        other = ir.from_proto(ir.to_proto(graph))
        SMALLER[kind](other)
        made[path] = kind, _serialize(other)
        found[path] = differences(made[path][1], model, words.prompts, crops)
    files = []
    for path, (kind, content) in made.items():
        with replace_file(path) as file:
            file.write(content)
        files.append(Written(path, kind, len(content), found[path]))
    return Exported(files, described['text_prompts'])


def _check(model: VLPoseEstimator) -> None:
    """Refuse what no graph can hold."""
    encoder, classifier = model.text_encoder, model.scenario_classifier
    if isinstance(encoder, RandomTextEncoder) and encoder.fresh:
        raise ValueError(
            'The text encoder draws other token states in every call, and a graph has the '
            'same every time; set model.text_encoder.fresh=False.'
        )
    if classifier is not None and not classifier.fitted:
        raise ValueError(
            'The scenario classifier is not fitted; fit it with '
            '`python -m vlpose_mm.tools.fit_scenario_classifier`, or omit it with '
            '--cfg-options model.scenario_classifier=None.'
        )
    size = sum(param.numel() * param.element_size() for param in model.parameters())
    if size > LARGEST:
        raise ValueError(
            f'The weights take {size / 1e9:.1f} GB, and one ONNX file holds 2.1 GB; export '
            'a smaller backbone.'
        )


def _serialize(graph: ir.Model) -> bytes:
    """Write a graph to memory."""
    return ir.to_proto(graph).SerializeToString()
