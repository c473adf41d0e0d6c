"""Poses from images with an exported VLPose: needs numpy, OpenCV, and ONNX Runtime or
OpenVINO.

    python vlpose_onnx.py model.onnx image.jpg --scenario "oil painting" --out out

`python -m vlpose_mm.tools.export` writes the graph, which says everything else: its text
prompts, how instances are cropped and how its heatmaps are decoded. Bboxes are x1, y1, x2,
y2 in pixels of the image everywhere but in COCO's JSON files.
"""

import argparse
import ctypes
import difflib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any, NamedTuple

# Read by OpenCV when it is imported: what is larger is refused before it is decoded.
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(180 * 10**6))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

VERSION = 1
ROUTES = ('auto', 'tuned', 'original')
MIN_SIDE = 8
# Instances that go through the graph together, each with its mirror image.
BATCH = 8
# What computes, and what to install for it. All but the last are those of ONNX Runtime,
# whose own provider for OpenVINO does not take branches.
PROVIDERS = dict(
    cpu=('CPUExecutionProvider', 'onnxruntime'),
    cuda=('CUDAExecutionProvider', 'onnxruntime-gpu, in place of onnxruntime'),
    tensorrt=(
        'TensorrtExecutionProvider',
        'onnxruntime-gpu, in place of onnxruntime, and tensorrt',
    ),
    openvino=(None, 'openvino'),
)


# What runs an opened graph, and its properties.
Opened = tuple[Callable[[dict[str, np.ndarray]], list[np.ndarray]], dict[str, str]]


class Poses(NamedTuple):
    """The instances of an image."""

    keypoints: np.ndarray  # x and y in pixels, N x K x 2
    keypoint_scores: np.ndarray  # N x K
    bboxes: np.ndarray  # x1, y1, x2, y2 in pixels, N x 4
    bbox_scores: np.ndarray  # N
    scenario: str | None  # that of the call, or of the classifier
    text_prompt: str | list[str] | None  # the one read; None on the original route
    route: str  # 'tuned' or 'original'


class VLPoseOnnx:
    """An exported VLPose.

    Args:
        path (str): The graph.
        threads (int, optional): Number of threads; as many as there are cores by default.
        provider (str): What computes: ``'cpu'``, ``'cuda'``, ``'tensorrt'`` or
            ``'openvino'``.
        bf16 (bool): Whether to compute in bfloat16, which TensorRT and OpenVINO can.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is not a graph of ``vlpose_mm.tools.export``, or the provider or
            its bfloat16 is not here.
    """

    def __init__(
        self,
        path: str,
        threads: int | None = None,
        provider: str = 'cpu',
        bf16: bool = False,
    ) -> None:
        check_provider(provider, bf16)
        if not os.path.isfile(path):
            raise FileNotFoundError(f'There is no file {path}.')
        opened = open_openvino if provider == 'openvino' else open_onnxruntime
        self.run, properties = opened(path, threads or 0, provider, bf16)
        info = properties.get('vlpose')
        if info is None:
            raise ValueError(
                f'{path} is not a graph that `python -m vlpose_mm.tools.export` wrote.'
            )
        self.info = json.loads(info)
        if self.info['version'] != VERSION:
            raise ValueError(
                f'{path} is of version {self.info["version"]} and this runtime of '
                f'{VERSION}; take both from the same vlpose_mm.'
            )

    def __call__(
        self,
        image: np.ndarray,
        bboxes: np.ndarray | None = None,
        bbox_scores: np.ndarray | None = None,
        scenario: str | None = None,
        text_prompt: str | list[str] | None = None,
        route: str = 'auto',
        flip_test: bool | None = None,
    ) -> Poses:
        """Find the keypoints of the instances on an image.

        Args:
            image (np.ndarray): BGR, uint8, H x W x 3.
            bboxes (np.ndarray, optional): x1, y1, x2, y2 in pixels, N x 4; the whole image
                by default, and nobody if there are none (``[]``).
            bbox_scores (np.ndarray, optional): N; 1 by default.
            scenario (str, optional): Such as ``'oil painting'``.
            text_prompt (str | list[str], optional): One of the graph's, instead of the
                scenario's.
            route (str): ``'tuned'``, ``'original'``, or ``'auto'``: by the graph's table.
            flip_test (bool, optional): Whether to average with the mirror image; as in
                testing by default.

        Raises:
            ValueError: If the graph does not have the scenario or the text prompt, or a
                bbox is wrong.
        """
        name, index = self.look_up(scenario, text_prompt)
        if route not in ROUTES:
            raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
        height, width = image.shape[:2]
        whole = bboxes is None
        if whole:
            bboxes = np.array([[0, 0, width, height]])
        bboxes = check_bboxes(bboxes, width, height)
        bbox_scores = np.ones(len(bboxes)) if bbox_scores is None else bbox_scores
        bbox_scores = np.asarray(bbox_scores)
        flip = self.info['flip_test'] if flip_test is None else flip_test
        if route == 'auto':
            route = self._route(name, text_prompt)
        if not len(bboxes):
            none = np.zeros((0, len(self.info['keypoints']['names']), 2), np.float32)
            return Poses(none, none[..., 0], bboxes, bbox_scores, name, None, 'original')
        # A whole image has some margin already.
        padding = 1.0 if whole else self.info['padding']
        crops, centers, scales = crop_instances(image, bboxes, self.info, padding)
        heatmaps = None
        if route is None:
            heatmaps, log_probs = self._run(crops, 0, False, flip)
            route, name, index = self._classify(log_probs, bbox_scores)
        if route == 'tuned' and index is None and self.info['text_prompts']:
            index = self.info['scenarios'].get('default')
            if index is None:
                raise ValueError(
                    'The tuned route needs a scenario or a text prompt; give one.'
                )
        if route == 'tuned' or heatmaps is None:
            heatmaps, _ = self._run(crops, index or 0, route == 'tuned', flip)
        keypoints, scores = decode(heatmaps, self.info['codec'])
        # From the unit square of each crop to the image.
        keypoints = keypoints * scales[:, None] + (centers - scales / 2)[:, None]
        known = self.info['text_prompts'] if route == 'tuned' else []
        return Poses(
            keypoints.astype(np.float32),
            scores,
            bboxes,
            bbox_scores,
            name,
            known[index] if known else None,
            route,
        )

    def look_up(
        self, scenario: str | None, text_prompt: str | list[str] | None
    ) -> tuple[str | None, int | None]:
        """Return the scenario as the graph spells it, and the index of the text prompt.

        Raises:
            ValueError: If the graph does not have it.
        """
        name = None
        if scenario is not None:
            name = scenario_name(scenario)
            known = [n for n in self.info['scenarios'] if n != 'default']
            if text_prompt is None and name not in known:
                raise ValueError(_unknown('scenario', scenario, name, known))
        if text_prompt is None:
            return name, None if name is None else self.info['scenarios'][name]
        is_text = isinstance(text_prompt, str)
        spelled = ' '.join(text_prompt.split()) if is_text else list(text_prompt)
        known = self.info['text_prompts']
        if spelled not in known:
            names = [str(each) for each in known]
            raise ValueError(_unknown('text prompt', text_prompt, str(spelled), names))
        return name, known.index(spelled)

    def _route(self, name: str | None, text_prompt: str | list[str] | None) -> str | None:
        """Return the route by the table; ``None`` if the classifier decides."""
        table = self.info['routes']
        rows = ('text_prompt', 'scenario', 'none', 'natural', 'artificial')
        for row in (name, self.info['groups'].get(name)):
            if row in table and row not in rows:
                return table[row]
        row = 'scenario' if name else 'none'
        if text_prompt is not None:
            row = 'text_prompt'
        return None if row == 'none' and self.info['classifier'] else table[row]

    def _classify(
        self, log_probs: np.ndarray, bbox_scores: np.ndarray
    ) -> tuple[str, str | None, int]:
        """Return route, scenario and index of the text prompt by the classifier."""
        weights = np.maximum(bbox_scores, 1e-6)  # N
        mean = (weights / weights.sum()) @ log_probs  # S
        probs = np.exp(mean - mean.max())
        probs /= probs.sum()
        classes = self.info['classifier']
        are_natural = np.array([each['natural'] for each in classes])
        natural = probs[~are_natural].sum() <= 0.5
        best = classes[np.where(are_natural == natural, probs, -1).argmax()]
        route = self.info['routes']['natural' if natural else 'artificial']
        return route, best['scenario'], best['text_prompt']

    def _run(
        self, crops: np.ndarray, index: int, tuned: bool, flip: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return heatmaps, N x K x h x w, and the classifier's log-probabilities, N x S."""
        heatmaps, log_probs = [], []
        for start in range(0, len(crops), BATCH):
            batch = crops[start : start + BATCH]
            views = np.concatenate([batch, batch[..., ::-1]]) if flip else batch
            rows = np.full(len(views), index, np.int64)
            inputs = dict(images=views, text_prompt=rows, tuned=np.array(tuned))
            found, *rest = self.run(inputs)
            if flip:
                mirrored = found[len(batch) :, self.info['keypoints']['flip_indices'], :]
                mirrored = mirrored[..., ::-1]
                if self.info['shift_heatmap']:
                    mirrored = mirrored[..., [0, *range(mirrored.shape[-1] - 1)]]
                found = (found[: len(batch)] + mirrored) / 2
            heatmaps.append(found)
            log_probs += [each[: len(batch)] for each in rest]
        return np.concatenate(heatmaps), np.concatenate(log_probs) if log_probs else None


def available_providers() -> list[str]:
    """List those of :data:`PROVIDERS` that are installed."""
    found = []
    if find_spec('onnxruntime') is not None:
        import onnxruntime

        found = onnxruntime.get_available_providers()
    here = [name for name, (own, _) in PROVIDERS.items() if own in found]
    return here + ['openvino'] * (find_spec('openvino') is not None)


def check_provider(provider: str, bf16: bool) -> None:
    """Check that a provider is here, and its arithmetic.

    Raises:
        ValueError: If it is not.
    """
    if provider not in PROVIDERS:
        raise ValueError(f'Unknown provider {provider!r}; choose one of {[*PROVIDERS]}.')
    here = available_providers()
    if provider not in here:
        raise ValueError(
            f'The provider {provider!r} is not installed, only '
            f'{", ".join(here) or "none"}; pip install {PROVIDERS[provider][1]}.'
        )
    if bf16 and provider not in ('tensorrt', 'openvino'):
        raise ValueError(
            f'The provider {provider!r} does not compute in bfloat16; use tensorrt or '
            'openvino, or omit it.'
        )


def open_onnxruntime(path: str, threads: int, provider: str, bf16: bool) -> Opened:
    """Open a graph with ONNX Runtime; what a provider cannot compute, the next one does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    names = [PROVIDERS[name][0] for name in ('tensorrt', 'cuda', 'cpu')]
    names = names[names.index(PROVIDERS[provider][0]) :]
    own = {'trt_bf16_enable': True} if bf16 else {}
    with _reading(path):
        session = onnxruntime.InferenceSession(path, options, [(names[0], own), *names[1:]])
    if session.get_providers()[0] != names[0]:
        raise ValueError(
            f'The provider {provider!r} did not start, and ONNX Runtime printed why; '
            'install the versions of CUDA, cuDNN and TensorRT that it names.'
        )
    properties = session.get_modelmeta().custom_metadata_map
    return lambda inputs: session.run(None, inputs), properties


def open_openvino(path: str, threads: int, provider: str, bf16: bool) -> Opened:
    """Open a graph with OpenVINO, which computes on the CPU."""
    with _own_signal_stack():
        import openvino

        return _open_openvino(openvino.Core(), path, threads, bf16)


def _open_openvino(core: Any, path: str, threads: int, bf16: bool) -> Opened:
    if bf16 and 'BF16' not in core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        raise ValueError('This CPU has no arithmetic in bfloat16; omit it.')
    # By itself it takes the fastest arithmetic that the CPU has.
    settings = dict(INFERENCE_PRECISION_HINT='bf16' if bf16 else 'f32')
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    with _reading(path):
        model = core.read_model(path)
        compiled = core.compile_model(model, 'CPU', settings)
    properties = {}
    if model.has_rt_info(['framework', 'vlpose']):
        properties['vlpose'] = model.get_rt_info(['framework', 'vlpose']).astype(str)
    return lambda inputs: [*compiled(inputs).values()], properties


@contextmanager
def _own_signal_stack() -> Iterator[None]:
    """Keep the stack of signal handlers in a ``with`` block.

    OpenVINO gives this thread one that is too small for Python's: Ctrl-C, or the end of a
    process that somebody waits for, would end this one.
    """
    if sys.platform != 'linux':
        yield
        return
    libc = ctypes.CDLL(None)
    # A pointer, flags and a size; no system has more.
    before = ctypes.create_string_buffer(64)
    libc.sigaltstack(None, before)
    try:
        yield
    finally:
        libc.sigaltstack(before, None)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Explain the errors of both libraries, which have many, in a ``with`` block."""
    try:
        yield
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{path} is not an ONNX graph ({reason}).') from error


def scenario_name(text: str) -> str:
    """Return ``'oil_painting'`` for ``'Oil painting'``, as the graph spells scenarios."""
    return '_'.join(text.lower().replace('-', ' ').replace('_', ' ').split())


def _unknown(kind: str, asked: object, name: str, known: list[str]) -> str:
    """Describe what the graph does not have, and what it has."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'did you mean {close[0]!r}? It' if close else 'it'
    return f'The graph has no {kind} {asked!r}; {hint} has {known}.'


def check_bboxes(bboxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Check bboxes, x1, y1, x2, y2 in pixels, N x 4, and clip them to the image.

    Raises:
        ValueError: If one is not four numbers, not finite, has no size or lies outside.
    """
    bboxes = np.asarray(bboxes, np.float32)
    if bboxes.shape[:1] == (0,):
        return np.zeros((0, 4), np.float32)
    if bboxes.ndim != 2 or bboxes.shape[1] != 4:
        raise ValueError(f'Bboxes are N x 4 (x1, y1, x2, y2), got {bboxes.shape}.')
    cut = bboxes.clip(0, [width, height, width, height])
    for (x1, y1, x2, y2), (l, t, r, b) in zip(bboxes, cut, strict=True):  # noqa: E741
        shown = f'The bbox {x1:g}, {y1:g}, {x2:g}, {y2:g}'
        if not np.isfinite([x1, y1, x2, y2]).all():
            raise ValueError(f'{shown} is not finite.')
        if x2 <= x1 or y2 <= y1:
            raise ValueError(f'{shown} has no size; give the corners x1, y1, x2, y2.')
        if min(r - l, b - t) < 1:
            raise ValueError(f'{shown} lies outside of the {width} x {height} image.')
    return cut.astype(np.float32)


def crop_instances(
    image: np.ndarray, bboxes: np.ndarray, info: dict, padding: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crop instances and normalize the pixels.

    Bboxes grow by the padding and to the crop's shape. With UDP (arXiv 1911.07524) the
    centers of the outermost pixels lie on the edges of the grown bbox; else their outer
    edges do, and the centers of pixels count as their corners.

    Args:
        image (np.ndarray): BGR, H x W x 3.
        bboxes (np.ndarray): x1, y1, x2, y2 in pixels, N x 4.
        info (dict): The graph's description.
        padding (float): Size of the crops relative to the bboxes.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Crops, N x 3 x h x w; centers and sizes
        of the grown bboxes in pixels, N x 2.
    """
    w, h = info['codec']['input_size']
    centers = (bboxes[:, 2:] + bboxes[:, :2]) / 2  # N, 2
    sizes = (bboxes[:, 2:] - bboxes[:, :2]) * np.float32(padding)  # N, 2
    width = np.maximum(sizes[:, 0], sizes[:, 1] * w / h)  # N
    scales = np.stack([width, width * h / w], axis=1)  # N, 2
    mean, std = (np.array(info[k], np.float32)[:, None, None] for k in ('mean', 'std'))
    crops = np.empty((len(bboxes), 3, h, w), np.float32)
    edge = 1 if info['use_udp'] else 0
    for crop, center, scale in zip(crops, centers, scales, strict=True):
        # In 32 bits, as MMPose: the rounding of pixels is up to it.
        zoom = (np.array([w, h], np.float32) - edge) / scale
        matrix = np.column_stack([np.diag(zoom), (scale / 2 - center) * zoom])  # 2, 3
        cut = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR)
        cut = cut[..., ::-1] if info['bgr_to_rgb'] else cut
        crop[:] = (cut.transpose(2, 0, 1) - mean) / std
    return crops, centers, scales


def decode(heatmaps: np.ndarray, codec: dict) -> tuple[np.ndarray, np.ndarray]:
    """Decode heatmaps to keypoints.

    Args:
        heatmaps (np.ndarray): N x K x H x W.
        codec (dict): The graph's description of it.

    Returns:
        tuple[np.ndarray, np.ndarray]: x and y in the unit square of the crop, N x K x 2,
        and the heights of the maxima, N x K.
    """
    N, K, H, W = heatmaps.shape
    flat = heatmaps.reshape(N, K, -1)
    scores = flat.max(axis=2)  # N, K
    peaks = np.stack(np.divmod(flat.argmax(axis=2), W)[::-1], axis=2)  # N, K, 2
    if codec['type'] == 'UDPHeatmap':
        size = codec['blur_kernel_size']
        steps = np.stack(
            [_newton(h, p, size) for h, p in zip(heatmaps, peaks, strict=True)]
        )
        points, extent = peaks + steps, [W - 1, H - 1]
    else:
        steps = [_quarter(h, p) for h, p in zip(heatmaps, peaks, strict=True)]
        points, extent = peaks + np.stack(steps), [W, H]
    points[scores <= 0] = -1
    return points / extent, scores


def _newton(heatmaps: np.ndarray, peaks: np.ndarray, blur: int) -> np.ndarray:
    """Step to the maximum of the blurred log-heatmaps (DARK, arXiv 1910.06278); K x 2."""
    K, H, W = heatmaps.shape
    blurred = np.stack(
        [
            cv2.GaussianBlur(each, (blur, blur), 0, borderType=cv2.BORDER_CONSTANT)
            for each in np.ascontiguousarray(heatmaps, np.float32)
        ]
    )
    # As high as they were.
    blurred *= (heatmaps.max(axis=(1, 2)) / blurred.max(axis=(1, 2)))[:, None, None]
    logs = np.log(blurred.clip(1e-3, 50)).astype(np.float64)
    logs = np.pad(logs, ((0, 0), (1, 1), (1, 1)), mode='edge')
    rows, (x, y) = np.arange(K), peaks.T + 1

    def at(dx: int, dy: int) -> np.ndarray:
        return logs[rows, y + dy, x + dx]  # K

    gx, gy = (at(1, 0) - at(-1, 0)) / 2, (at(0, 1) - at(0, -1)) / 2
    eps = np.finfo(np.float32).eps
    xx = at(1, 0) - 2 * at(0, 0) + at(-1, 0) + eps
    yy = at(0, 1) - 2 * at(0, 0) + at(0, -1) + eps
    # The mixed derivative along the diagonal.
    xy = (at(1, 1) + at(-1, -1) + 2 * at(0, 0)) / 2
    xy -= (at(1, 0) + at(-1, 0) + at(0, 1) + at(0, -1)) / 2
    det = xx * yy - xy**2
    return -np.stack([(yy * gx - xy * gy) / det, (xx * gy - xy * gx) / det], axis=1)


def _quarter(heatmaps: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Step a quarter of a pixel towards the higher neighbor (MSRA); K x 2."""
    K, H, W = heatmaps.shape
    padded = np.pad(heatmaps, ((0, 0), (1, 1), (1, 1)))
    rows, (x, y) = np.arange(K), peaks.T
    dx = padded[rows, y + 1, x + 2] - padded[rows, y + 1, x]
    dy = padded[rows, y + 2, x + 1] - padded[rows, y, x + 1]
    # Where MMPose steps at all.
    dx[(x <= 1) | (x >= W - 1) | (y <= 0)] = 0
    dy[(y <= 1) | (y >= H - 1) | (x <= 0)] = 0
    return np.stack([np.sign(dx), np.sign(dy)], axis=1) / 4


def read_image(path: str) -> np.ndarray:
    """Read an image; gray, 16 bits and EXIF's turns are converted, alpha put on white.

    Returns:
        np.ndarray: BGR, uint8, H x W x 3.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is too small or too large.
    """
    try:
        content = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror}.') from error
    if not len(content):
        raise OSError(f'{path} is empty.')
    try:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        if image is not None and image.shape[2:] != (4,):
            image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error as error:
        if 'MAX_IMAGE_PIXELS' in error.err:
            raise ValueError(f'{path} has too many pixels; scale it down first.') from error
        raise OSError(f'{path} cannot be decoded ({error.err}).') from error
    if image is None:
        raise OSError(f'{path} is not an image that OpenCV reads, or is truncated.')
    if min(image.shape[:2]) < MIN_SIDE:
        raise ValueError(f'{path} is smaller than {MIN_SIDE} x {MIN_SIDE} pixels.')
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.shape[2] == 4:
        # By rows, as numbers of 64 bits take eight times the memory.
        for row in image:
            alpha = row[:, 3:] / 255
            row[:, :3] = np.rint(row[:, :3] * alpha + 255 * (1 - alpha))
        image = np.ascontiguousarray(image[..., :3])
    return image


def draw(image: np.ndarray, poses: Poses, keypoints: dict, threshold: float) -> np.ndarray:
    """Draw the skeletons of keypoints that score at least ``threshold``, on a copy."""
    drawn = image.copy()
    thick = max(1, round(min(image.shape[:2]) / 300))
    for points, scores in zip(poses.keypoints, poses.keypoint_scores, strict=True):
        seen = scores >= threshold
        places = [tuple(int(v) for v in point) for point in points.round()]
        for (a, b), color in zip(
            keypoints['skeleton'], keypoints['skeleton_colors'], strict=True
        ):
            if seen[a] and seen[b]:
                cv2.line(drawn, places[a], places[b], color[::-1], thick, cv2.LINE_AA)
        for place, color, shown in zip(places, keypoints['colors'], seen, strict=True):
            if shown:
                cv2.circle(drawn, place, 2 * thick, color[::-1], -1, cv2.LINE_AA)
    return drawn


def coco_annotations(poses: Poses, image_id: int, first_id: int) -> list[dict]:
    """Write instances as annotations of COCO (bbox: x, y, width, height).

    A keypoint's visibility is 2 where its score is at least 0.3, else 1.
    """
    annotations = []
    for i, (points, scores) in enumerate(
        zip(poses.keypoints, poses.keypoint_scores, strict=True)
    ):
        x1, y1, x2, y2 = poses.bboxes[i].tolist()
        triples = np.column_stack([points.round(2), np.where(scores >= 0.3, 2, 1)])
        annotations.append(
            dict(
                id=first_id + i,
                image_id=image_id,
                category_id=1,
                bbox=[round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)],
                area=round((x2 - x1) * (y2 - y1), 2),
                iscrowd=0,
                keypoints=[round(float(v), 2) for v in triples.ravel()],
                num_keypoints=len(points),
                keypoint_scores=[round(float(v), 4) for v in scores],
                score=round(float(poses.bbox_scores[i] * scores.mean()), 4),
            )
        )
    return annotations


def read_bboxes(path: str) -> dict[str, list[list[float]]]:
    """Read the bboxes of an annotation file of COCO.

    Returns:
        dict[str, list[list[float]]]: File name -> x1, y1, x2, y2 and score of each.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is something else.
    """
    try:
        truth = json.loads(Path(path).read_text(encoding='utf-8'))
        names = {image['id']: image['file_name'] for image in truth['images']}
        bboxes: dict[str, list[list[float]]] = {name: [] for name in names.values()}
        for each in truth['annotations']:
            x, y, w, h = map(float, each['bbox'])
            row = [x, y, x + w, y + h, float(each.get('score', 1))]
            bboxes[names[each['image_id']]].append(row)
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror}.') from error
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f'{path} is not an annotation file of COCO ({type(error).__name__}: {error}).'
        ) from error
    return bboxes


def _bboxes_of(path: str, bboxes: dict[str, list[list[float]]]) -> np.ndarray:
    """Return the bboxes and scores of an image by the end of its path, N x 5."""
    parts = Path(path).resolve().parts
    for name, rows in bboxes.items():
        own = PurePath(name).parts
        if parts[-len(own) :] == own:
            return np.array(rows).reshape(-1, 5)
    raise ValueError(f'The file of --bboxes has no image {path}.')


def _write(path: Path, content: bytes) -> None:
    """Write a file; the previous one stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.write_bytes(content)
    temporary.replace(path)


def main(args: list[str] | None = None) -> int:
    """Run the command; return 0, or 1 if some image failed."""
    parser = argparse.ArgumentParser(
        description='Find the keypoints of instances on images with an exported VLPose. '
        'Writes OUT/annotations.json in the format of COCO, and OUT/drawings.'
    )
    parser.add_argument('model', help='graph of `python -m vlpose_mm.tools.export`')
    parser.add_argument('images', nargs='+', metavar='image', help='JPEG, PNG, ...')
    parser.add_argument('--out', required=True, help='folder to write to')
    text = parser.add_mutually_exclusive_group()
    text.add_argument(
        '--scenario',
        help='such as "oil painting" (default: the name of its folder, if that is one)',
    )
    text.add_argument('--text-prompt', help="one of the graph's text prompts, instead")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        '--bbox',
        action='append',
        nargs=4,
        type=float,
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='a bbox in pixels; may be repeated (default: the whole image)',
    )
    where.add_argument('--bboxes', metavar='FILE', help="COCO's annotations of the images")
    parser.add_argument('--route', choices=ROUTES, default='auto', help='(default: auto)')
    parser.add_argument('--no-flip', action='store_true', help='skip the mirror images')
    parser.add_argument('--threads', type=int, help='(default: as many as cores)')
    parser.add_argument(
        '--provider', choices=PROVIDERS, default='cpu', help='what computes (default: cpu)'
    )
    parser.add_argument(
        '--bf16', action='store_true', help='in bfloat16, with tensorrt or openvino'
    )
    parser.add_argument(
        '--kpt-thr', type=float, default=0.3, help='lowest score drawn (default: 0.3)'
    )
    options = parser.parse_args(args)
    try:
        model = VLPoseOnnx(options.model, options.threads, options.provider, options.bf16)
        bboxes = read_bboxes(options.bboxes) if options.bboxes else None
        model.look_up(options.scenario, options.text_prompt)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    flip = False if options.no_flip else None
    images, annotations, failed = [], [], 0
    for number, path in enumerate(options.images, 1):
        try:
            image = read_image(path)
            own = np.array(options.bbox) if options.bbox else None
            own = own if bboxes is None else _bboxes_of(path, bboxes)
            scores = own[:, 4] if bboxes is not None else None
            own = own if own is None else own[:, :4]
            scenario = options.scenario
            folder = scenario_name(Path(path).resolve().parent.name)
            if scenario is None and options.text_prompt is None:
                scenario = folder if folder in model.info['scenarios'] else None
            poses = model(
                image, own, scores, scenario, options.text_prompt, options.route, flip
            )
        except (OSError, ValueError) as error:
            reason = str(error) if path in str(error) else f'{path}: {error}'
            print(f'Skipped: {reason}', file=sys.stderr)
            failed += 1
            continue
        height, width = image.shape[:2]
        record = dict(id=number, file_name=path, width=width, height=height)
        text = dict(category=poses.scenario, text_prompt=poses.text_prompt)
        images.append(
            record | {k: v for k, v in text.items() if v} | dict(route=poses.route)
        )
        annotations += coco_annotations(poses, number, len(annotations) + 1)
        drawn = draw(image, poses, model.info['keypoints'], options.kpt_thr)
        drawing = Path(options.out, 'drawings', f'{number:04}_{Path(path).stem}.jpg')
        _write(drawing, cv2.imencode('.jpg', drawn)[1].tobytes())
        read = f'read {poses.text_prompt!r}' if poses.text_prompt else 'no text prompt'
        found = f'{len(poses.bboxes)} instances, {poses.route} route'
        print(f'{path}: {found}, {read} -> {drawing}')
    keypoints = model.info['keypoints']
    skeleton = [[a + 1, b + 1] for a, b in keypoints['skeleton']]
    person = dict(id=1, name='person', keypoints=keypoints['names'], skeleton=skeleton)
    content = dict(images=images, annotations=annotations, categories=[person])
    _write(Path(options.out, 'annotations.json'), json.dumps(content).encode())
    print(f'{len(images)} images done, {failed} failed: {options.out}/annotations.json')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
