"""Compare exported graphs with PyTorch: average precision and speed, in one table."""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, METRICS, MODELS
from mmpose.structures import PoseDataSample
from rich import box
from rich.table import Table
from vlpose_onnx import VLPoseOnnx, read_image

from projects.benchmark.comparison import compare
from projects.benchmark.timing import alternate
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.export.exporter import export_model
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.tools.common import (
    add_config_options,
    add_text_dims,
    load_config,
    log_and_prints_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command

# Time in which the threads of one model stop waiting for work, in seconds.
REST = 0.03
# Calls until PyTorch has cached what depends on the text prompt.
WARM_UP = 12


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description='Export a model in float32, half precision and int8, and compare the '
        'graphs with PyTorch: average precision on the test images of the config, and '
        'time of a batch through the network, in turns.'
    )
    add_config_options(parser, 'test_dataloader.dataset.bbox_file=None')
    add_text_dims(parser)
    parser.add_argument(
        '--checkpoint', help='the weights (default: random ones, and speed alone)'
    )
    parser.add_argument('--text-prompts', metavar='FILE', help='as of the export')
    parser.add_argument('--threads', type=int, default=2, help='(default: 2)')
    parser.add_argument('--rounds', type=int, default=30, help='(default: 30)')
    parser.add_argument(
        '--batch-size', type=int, default=1, help='images at once (default: 1)'
    )
    options = parser.parse_args(args)
    cfg = load_config(options)
    init_default_scope('mmpose')
    torch.set_num_threads(options.threads)
    with log_and_prints_to_stderr(), tempfile.TemporaryDirectory() as out:
        model = MODELS.build(cfg.model)
        if options.checkpoint is not None:
            weights = state_dict_of(read_file(options.checkpoint), options.checkpoint)
            load_state_dict(model, weights)
        else:
            randomize(model)
        path = str(Path(out, 'model.onnx'))
        exported = export_model(
            cfg, model, path, options.text_prompts, smaller=['half', 'int8']
        )
        graphs = {
            f'ONNX, {file.kind}': VLPoseOnnx(file.path, options.threads)
            for file in exported.files
        }
        sizes = [None, *(file.num_bytes for file in exported.files)]
        for kind in ('float32', 'bf16'):
            # Not every CPU has arithmetic in bfloat16.
            with suppress(ValueError):
                graphs[f'OpenVINO, {kind}'] = VLPoseOnnx(
                    path, options.threads, 'openvino', bf16=kind == 'bf16'
                )
                sizes.append(sizes[1])
        scores = [None] * len(sizes)
        if options.checkpoint is not None:
            scores = average_precisions(cfg, model, graphs)
        prompt = exported.text_prompts[0] if exported.text_prompts else None
        found = {
            route: race(model, graphs, prompt, route, options)
            for route in ('tuned', 'original')
        }
    found = dict(config=options.config, sizes=sizes, AP=scores, speed=found)
    write_results(found, table(found), options.json)


def randomize(model: VLPoseEstimator) -> None:
    """Fill parameters and statistics with random numbers of a usual size."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        scale = max(tensor[0].numel(), 1) ** -0.5 if tensor.dim() > 1 else 0.1
        is_norm = tensor.dim() == 1 and name.endswith(('weight', 'running_var'))
        tensor.copy_(1 + 0.1 * noise.abs() if is_norm else scale * noise)


def average_precisions(
    cfg: Config, model: VLPoseEstimator, graphs: dict[str, VLPoseOnnx]
) -> list[float]:
    """Return the AP of PyTorch and of each graph on the test images, on the tuned route."""
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    metrics = [METRICS.build(cfg.test_evaluator) for _ in range(1 + len(graphs))]
    for metric in metrics:
        metric.dataset_meta = dataset.metainfo
    model.set_route('tuned')
    for row in range(len(dataset)):
        info, packed = dataset.get_data_info(row), dataset[row]
        sample = packed['data_samples']
        image = read_image(info['img_path'])
        with torch.inference_mode():
            (found,) = model.test_step(pseudo_collate([copy.deepcopy(packed)]))
        metrics[0].process({}, [found.to_dict()])
        call = dict(text_prompt=sample.metainfo['text_prompt'], route='tuned')
        for metric, graph in zip(metrics[1:], graphs.values(), strict=True):
            poses = graph(image, info['bbox'], info['bbox_score'], **call)
            result = copy.deepcopy(sample)
            result.pred_instances = InstanceData(
                keypoints=poses.keypoints,
                keypoint_scores=poses.keypoint_scores,
                keypoints_visible=poses.keypoint_scores,
                bboxes=sample.gt_instances.bboxes,
                bbox_scores=sample.gt_instances.bbox_scores,
            )
            metric.process({}, [result.to_dict()])
    return [float(metric.evaluate(len(dataset))['coco/AP']) for metric in metrics]


def race(
    model: VLPoseEstimator,
    graphs: dict[str, VLPoseOnnx],
    prompt: str | None,
    route: str,
    options: argparse.Namespace,
) -> dict:
    """Time a batch through the network, from pixels to heatmaps, in turns.

    Returns:
        dict: See :func:`compare`; in milliseconds, with one thread of CPU time.
    """
    w, h = model.head.decoder.input_size
    size = options.batch_size
    batch = torch.randn(size, 3, h, w)
    samples = [PoseDataSample(metainfo=dict(text_prompt=prompt))] * size
    model.set_route(route)

    def run_model() -> None:
        with torch.inference_mode():
            model(batch, samples)

    def runner(graph: VLPoseOnnx) -> Callable[[], None]:
        inputs = dict(images=batch.numpy(), text_prompt=np.zeros(size, np.int64))
        inputs['tuned'] = np.array(route == 'tuned')
        return lambda: graph.run(inputs)

    calls = {'PyTorch': run_model}
    calls |= {name: runner(graph) for name, graph in graphs.items()}
    for _ in range(WARM_UP):
        run_model()
    # The processor's time does not count what others run on the machine.
    clock = time.process_time if options.threads == 1 else time.perf_counter

    def rested_milliseconds(call: Callable[[], None]) -> float:
        time.sleep(REST)
        start = clock()
        call()
        return 1000 * (clock() - start)

    return compare(route, 'ms', alternate(calls, options.rounds, rested_milliseconds))


def table(results: dict) -> Table:
    """Lay out ``sizes``, ``AP`` and ``speed`` as a table in Markdown."""
    titles = ('', 'MB', 'AP')
    for route in ('tuned', 'original'):
        titles += (f'{route} route: ms', 'of PyTorch')
    found = Table(*titles, box=box.MARKDOWN)
    rows = zip(*(results['speed'][r]['rows'] for r in ('tuned', 'original')), strict=True)
    for size, score, routes in zip(results['sizes'], results['AP'], rows, strict=True):
        cells = [routes[0]['name'], '' if size is None else f'{size / 1e6:.1f}']
        cells.append('' if score is None else f'{100 * score:.1f}')
        for row in routes:
            cells += [f'{row["median"]:.1f}', _ratio(row['ratio'])]
        found.add_row(*cells)
    return found


def _ratio(ratio: dict | None) -> str:
    """Write the median of the rounds, and quartiles."""
    if ratio is None:
        return ''
    return f'{ratio["median"]:.2f} ({ratio["lower"]:.2f}-{ratio["upper"]:.2f})'


if __name__ == '__main__':
    main()
