"""Poses from images by an exported VLPose: needs numpy, OpenCV and ONNX Runtime.

    python vlpose_onnx.py model.onnx image.jpg --scenario "oil painting" --out out

`python -m vlpose_mm.tools.export` writes the graph, which tells everything else: its
text prompts, how people are cropped and how its heatmaps are decoded.
"""

import argparse
import difflib
import json
import os
import sys
from pathlib import Path, PurePath
from typing import NamedTuple

# Read by OpenCV when it is imported: what is larger is refused before it is decoded.
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(180 * 10**6))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

VERSION = 1
ROUTES = ('auto', 'tuned', 'original')
MIN_SIDE = 8
# People that go through the graph together, each with its mirror image.
BATCH = 8


class Poses(NamedTuple):
    """The people of an image.

    Attributes:
        keypoints (np.ndarray): x and y in pixels, N x K x 2.
        scores (np.ndarray): How sure each keypoint is, N x K.
        boxes (np.ndarray): Corners x1, y1, x2, y2 in pixels, N x 4.
        box_scores (np.ndarray): How sure they are, N.
        scenario (str | None): Told, or found by the classifier.
        prompt (str | list[str] | None): The text prompt read; ``None`` on the original route.
        route (str): ``'tuned'`` or ``'original'``.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    box_scores: np.ndarray
    scenario: str | None
    prompt: str | list[str] | None
    route: str


class VLPoseOnnx:
    """An exported VLPose.

    Args:
        path (str): The graph.
        threads (int, optional): How many it runs on; as many as there are cores by default.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no graph of ``vlpose_mm.tools.export``.
    """

    def __init__(self, path: str, threads: int | None = None) -> None:
        if not os.path.isfile(path):
            raise FileNotFoundError(f'There is no file {path}.')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        try:
            self.session = onnxruntime.InferenceSession(
                path, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # ONNX Runtime has one for each kind of failure.
            reason = ' '.join(str(error).split())
            raise ValueError(f'{path} is no ONNX graph ({reason}).') from error
        told = self.session.get_modelmeta().custom_metadata_map.get('vlpose')
        if told is None:
            raise ValueError(
                f'{path} is not a graph that `python -m vlpose_mm.tools.export` wrote.'
            )
        self.info = json.loads(told)
        if self.info['version'] != VERSION:
            raise ValueError(
                f'{path} is of version {self.info["version"]} and this runtime of '
                f'{VERSION}; take both from the same vlpose_mm.'
            )

    def __call__(
        self,
        image: np.ndarray,
        boxes: np.ndarray | None = None,
        box_scores: np.ndarray | None = None,
        scenario: str | None = None,
        prompt: str | list[str] | None = None,
        route: str = 'auto',
        flip_test: bool | None = None,
    ) -> Poses:
        """Find the keypoints of the people on an image.

        Args:
            image (np.ndarray): BGR, uint8, H x W x 3.
            boxes (np.ndarray, optional): Corners x1, y1, x2, y2 in pixels, N x 4; the whole
                image by default.
            box_scores (np.ndarray, optional): How sure they are, N; all are by default.
            scenario (str, optional): The kind of image, such as ``'oil painting'``.
            prompt (str | list[str], optional): One of the graph's text prompts, instead.
            route (str): ``'tuned'``, ``'original'``, or ``'auto'``: as the graph's table
                has it for what is told.
            flip_test (bool, optional): Whether to look at the mirror image as well; as in
                testing by default.

        Returns:
            Poses: The people.

        Raises:
            ValueError: If the graph does not have the scenario or the text prompt, or a box is
                wrong.
        """
        name, text_prompt = self._told(scenario, prompt)
        if route not in ROUTES:
            raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
        height, width = image.shape[:2]
        whole = boxes is None
        if whole:
            boxes = np.array([[0, 0, width, height]])
        boxes = check_boxes(boxes, width, height)
        box_scores = np.ones(len(boxes)) if box_scores is None else np.asarray(box_scores)
        flip = self.info['flip_test'] if flip_test is None else flip_test
        if route == 'auto':
            route = self._route(name, prompt)
        if not len(boxes):
            none = np.zeros((0, len(self.info['keypoints']['names']), 2), np.float32)
            return Poses(none, none[..., 0], boxes, box_scores, name, None, 'original')
        # A whole image has some margin already.
        padding = 1.0 if whole else self.info['padding']
        crops, centers, scales = crop_people(image, boxes, self.info, padding)
        heatmaps = None
        if route is None:
            heatmaps, log_probs = self._run(crops, 0, False, flip)
            route, name, text_prompt = self._decide(log_probs, box_scores)
        if route == 'tuned' and text_prompt is None and self.info['text_prompts']:
            text_prompt = self.info['scenarios'].get('default')
            if text_prompt is None:
                raise ValueError(
                    'The tuned route needs a scenario or a text prompt; tell one.'
                )
        if route == 'tuned' or heatmaps is None:
            heatmaps, _ = self._run(crops, text_prompt or 0, route == 'tuned', flip)
        keypoints, scores = decode(heatmaps, self.info['codec'])
        # From the unit square of each crop to the image.
        keypoints = keypoints * scales[:, None] + (centers - scales / 2)[:, None]
        read = self.info['text_prompts'] if route == 'tuned' else []
        return Poses(
            keypoints.astype(np.float32),
            scores,
            boxes,
            box_scores,
            name,
            read[text_prompt] if read else None,
            route,
        )

    def _told(
        self, scenario: str | None, prompt: str | list[str] | None
    ) -> tuple[str | None, int | None]:
        """Look up what is told: the scenario's name, and which text prompt is read."""
        name = None
        if scenario is not None:
            name = scenario_name(scenario)
            known = [n for n in self.info['scenarios'] if n != 'default']
            if prompt is None and name not in known:
                raise ValueError(_unknown('scenario', scenario, name, known))
        if prompt is None:
            return name, None if name is None else self.info['scenarios'][name]
        read = ' '.join(prompt.split()) if isinstance(prompt, str) else list(prompt)
        if read not in self.info['text_prompts']:
            known = [str(text_prompt) for text_prompt in self.info['text_prompts']]
            raise ValueError(_unknown('text_prompt', prompt, str(read), known))
        return name, self.info['text_prompts'].index(read)

    def _route(self, name: str | None, prompt: str | list[str] | None) -> str | None:
        """Choose the route by the table; ``None``: the classifier is to."""
        table = self.info['routes']
        rows = ('text_prompt', 'scenario', 'none', 'natural', 'artificial')
        for row in (name, self.info['groups'].get(name)):
            if row in table and row not in rows:
                return table[row]
        row = 'scenario' if name else 'none'
        if prompt is not None:
            row = 'text_prompt'
        return None if row == 'none' and self.info['classifier'] else table[row]

    def _decide(
        self, log_probs: np.ndarray, box_scores: np.ndarray
    ) -> tuple[str, str | None, int]:
        """Choose the route, the scenario and the text prompt by what the classifier says."""
        weights = np.maximum(box_scores, 1e-6)  # N
        mean = (weights / weights.sum()) @ log_probs  # S
        probs = np.exp(mean - mean.max())
        probs /= probs.sum()
        kinds = self.info['classifier']
        sides = np.array([kind['natural'] for kind in kinds])
        natural = probs[~sides].sum() <= 0.5
        best = kinds[np.where(sides == natural, probs, -1).argmax()]
        route = self.info['routes']['natural' if natural else 'artificial']
        return route, best['scenario'], best['text_prompt']

    def _run(
        self, crops: np.ndarray, text_prompt: int, tuned: bool, flip: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Heatmaps, N x K x h x w, and what the classifier says of each crop, N x S."""
        heatmaps, log_probs = [], []
        for start in range(0, len(crops), BATCH):
            batch = crops[start : start + BATCH]
            views = np.concatenate([batch, batch[..., ::-1]]) if flip else batch
            told = np.full(len(views), text_prompt, np.int64)
            feed = dict(images=views, text_prompt=told, tuned=np.array(tuned))
            found, *rest = self.session.run(None, feed)
            if flip:
                mirrored = found[len(batch) :, self.info['keypoints']['flip_indices'], :]
                mirrored = mirrored[..., ::-1]
                if self.info['shift_heatmap']:
                    mirrored = mirrored[..., [0, *range(mirrored.shape[-1] - 1)]]
                found = (found[: len(batch)] + mirrored) / 2
            heatmaps.append(found)
            log_probs += [each[: len(batch)] for each in rest]
        return np.concatenate(heatmaps), np.concatenate(log_probs) if log_probs else None


def scenario_name(text: str) -> str:
    """Spell a scenario as the graph does.

    Args:
        text (str): Such as ``'Oil painting'``.

    Returns:
        str: Such as ``'oil_painting'``.
    """
    return '_'.join(text.lower().replace('-', ' ').replace('_', ' ').split())


def _unknown(kind: str, given: object, name: str, known: list[str]) -> str:
    """Say that the graph does not have something, and what it has."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'did you mean {close[0]!r}? It' if close else 'it'
    return f'The graph has no {kind} {given!r}; {hint} has {known}.'


def check_boxes(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Check boxes and cut them to the image.

    Args:
        boxes (np.ndarray): Corners x1, y1, x2, y2 in pixels, N x 4.
        width (int): Of the image, in pixels.
        height (int): Of the image, in pixels.

    Returns:
        np.ndarray: The boxes, N x 4, float32.

    Raises:
        ValueError: If one is no four numbers, not finite, has no size or lies outside.
    """
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'Boxes are N x 4 (x1, y1, x2, y2), got {boxes.shape}.')
    cut = boxes.clip(0, [width, height, width, height])
    for (x1, y1, x2, y2), (l, t, r, b) in zip(boxes, cut, strict=True):  # noqa: E741
        shown = f'The box {x1:g}, {y1:g}, {x2:g}, {y2:g}'
        if not np.isfinite([x1, y1, x2, y2]).all():
            raise ValueError(f'{shown} is not finite.')
        if x2 <= x1 or y2 <= y1:
            raise ValueError(f'{shown} has no size; give the corners x1, y1, x2, y2.')
        if min(r - l, b - t) < 1:
            raise ValueError(f'{shown} lies outside of the {width} x {height} image.')
    return cut.astype(np.float32)


def crop_people(
    image: np.ndarray, boxes: np.ndarray, info: dict, padding: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut people out and normalize the pixels.

    Boxes grow by the padding and to the crop's shape. With UDP (arXiv 1911.07524) the
    centers of the outermost pixels lie on the edges of the grown box; else their outer
    edges do, and the centers of pixels are taken for their corners.

    Args:
        image (np.ndarray): BGR, H x W x 3.
        boxes (np.ndarray): Corners in pixels, N x 4.
        info (dict): What the graph tells.
        padding (float): How many times larger than the boxes the crops are.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Crops, N x 3 x h x w; centers and sizes
        of the grown boxes in pixels, N x 2.
    """
    w, h = info['codec']['input_size']
    centers = (boxes[:, 2:] + boxes[:, :2]) / 2  # N, 2
    sizes = (boxes[:, 2:] - boxes[:, :2]) * np.float32(padding)  # N, 2
    width = np.maximum(sizes[:, 0], sizes[:, 1] * w / h)  # N
    scales = np.stack([width, width * h / w], axis=1)  # N, 2
    mean, std = (np.array(info[k], np.float32)[:, None, None] for k in ('mean', 'std'))
    crops = np.empty((len(boxes), 3, h, w), np.float32)
    edge = 1 if info['use_udp'] else 0
    for crop, center, scale in zip(crops, centers, scales, strict=True):
        zoom = (np.array([w, h]) - edge) / scale
        matrix = np.column_stack([np.diag(zoom), (scale / 2 - center) * zoom])  # 2, 3
        cut = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR)
        cut = cut[..., ::-1] if info['bgr_to_rgb'] else cut
        crop[:] = (cut.transpose(2, 0, 1) - mean) / std
    return crops, centers, scales


def decode(heatmaps: np.ndarray, codec: dict) -> tuple[np.ndarray, np.ndarray]:
    """Find the keypoints in heatmaps.

    Args:
        heatmaps (np.ndarray): N x K x H x W.
        codec (dict): What the graph tells of it.

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

    Args:
        path (str): JPEG, PNG or what else OpenCV reads.

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
        raise OSError(f'{path} is no image that OpenCV reads, or is broken off.')
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
    """Draw skeletons.

    Args:
        image (np.ndarray): BGR, H x W x 3.
        poses (Poses): The people.
        keypoints (dict): What the graph tells of them.
        threshold (float): Lowest score of a keypoint that is drawn.

    Returns:
        np.ndarray: The drawing, BGR.
    """
    drawn = image.copy()
    thick = max(1, round(min(image.shape[:2]) / 300))
    for points, scores in zip(poses.keypoints, poses.scores, strict=True):
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
    """Write people as annotations in COCO's format.

    Args:
        poses (Poses): The people.
        image_id (int): The image's number.
        first_id (int): The first person's number.

    Returns:
        list[dict]: One for each; a keypoint's third number is 2 where its score is 0.3 or
        more, else 1.
    """
    people = []
    for i, (points, scores) in enumerate(zip(poses.keypoints, poses.scores, strict=True)):
        x1, y1, x2, y2 = poses.boxes[i].tolist()
        triples = np.column_stack([points.round(2), np.where(scores >= 0.3, 2, 1)])
        people.append(
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
                score=round(float(poses.box_scores[i] * scores.mean()), 4),
            )
        )
    return people


def read_boxes(path: str) -> dict[str, list[list[float]]]:
    """Read the people of an annotation file in COCO's format.

    Args:
        path (str): The file.

    Returns:
        dict[str, list[list[float]]]: File name -> corners x1, y1, x2, y2, and the score.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is none of its kind.
    """
    try:
        truth = json.loads(Path(path).read_text(encoding='utf-8'))
        names = {image['id']: image['file_name'] for image in truth['images']}
        boxes: dict[str, list[list[float]]] = {name: [] for name in names.values()}
        for person in truth['annotations']:
            x, y, w, h = map(float, person['bbox'])
            row = [x, y, x + w, y + h, float(person.get('score', 1))]
            boxes[names[person['image_id']]].append(row)
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror}.') from error
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} is no annotation file like COCO's ({type(error).__name__}: {error})."
        ) from error
    return boxes


def _boxes_of(path: str, boxes: dict[str, list[list[float]]]) -> np.ndarray:
    """Find the people of an image by the end of its path, N x 5."""
    parts = Path(path).resolve().parts
    for name, rows in boxes.items():
        own = PurePath(name).parts
        if parts[-len(own) :] == own:
            return np.array(rows).reshape(-1, 5)
    raise ValueError(f'The file of boxes has no image {path}.')


def _write(path: Path, content: bytes) -> None:
    """Write a file; whatever was there stays until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.write_bytes(content)
    temporary.replace(path)


def main(args: list[str] | None = None) -> int:
    """Run the command.

    Args:
        args (list[str], optional): Arguments instead of the command line's.

    Returns:
        int: 0; 1 if some image failed.
    """
    parser = argparse.ArgumentParser(
        description='Find the keypoints of people on images with an exported VLPose. '
        'Writes OUT/annotations.json in the format of COCO, and OUT/drawings.'
    )
    parser.add_argument('model', help='graph of `python -m vlpose_mm.tools.export`')
    parser.add_argument('images', nargs='+', metavar='image', help='JPEG, PNG, ...')
    parser.add_argument('--out', required=True, help='folder to write to')
    told = parser.add_mutually_exclusive_group()
    told.add_argument(
        '--scenario',
        help='kind of image, such as "oil painting" (default: what its folder is called, '
        'if that is one)',
    )
    told.add_argument('--prompt', help="one of the graph's text prompts, instead")
    people = parser.add_mutually_exclusive_group()
    people.add_argument(
        '--box',
        action='append',
        nargs=4,
        type=float,
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='a person, in pixels; may be repeated (default: the whole image)',
    )
    people.add_argument('--boxes', metavar='FILE', help="COCO's annotations of the images")
    parser.add_argument('--route', choices=ROUTES, default='auto', help='(default: auto)')
    parser.add_argument('--no-flip', action='store_true', help='skip the mirror images')
    parser.add_argument('--threads', type=int, help='(default: as many as cores)')
    parser.add_argument(
        '--kpt-thr', type=float, default=0.3, help='lowest score drawn (default: 0.3)'
    )
    options = parser.parse_args(args)
    try:
        model = VLPoseOnnx(options.model, options.threads)
        boxes = read_boxes(options.boxes) if options.boxes else None
        model._told(options.scenario, options.prompt)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    flip = False if options.no_flip else None
    images, annotations, failed = [], [], 0
    for number, path in enumerate(options.images, 1):
        try:
            image = read_image(path)
            own = np.array(options.box) if options.box else None
            own = own if boxes is None else _boxes_of(path, boxes)
            scores = own[:, 4] if boxes is not None else None
            own = own if own is None else own[:, :4]
            scenario = options.scenario
            folder = scenario_name(Path(path).resolve().parent.name)
            if scenario is None and options.prompt is None:
                scenario = folder if folder in model.info['scenarios'] else None
            told = (scenario, options.prompt, options.route, flip)
            poses = model(image, own, scores, *told)
        except (OSError, ValueError) as error:
            told = str(error) if path in str(error) else f'{path}: {error}'
            print(f'Passed over: {told}', file=sys.stderr)
            failed += 1
            continue
        height, width = image.shape[:2]
        record = dict(id=number, file_name=path, width=width, height=height)
        words = dict(category=poses.scenario, text_prompt=poses.prompt)
        images.append(
            record | {k: v for k, v in words.items() if v} | dict(route=poses.route)
        )
        annotations += coco_annotations(poses, number, len(annotations) + 1)
        drawn = draw(image, poses, model.info['keypoints'], options.kpt_thr)
        drawing = Path(options.out, 'drawings', f'{number:04}_{Path(path).stem}.jpg')
        _write(drawing, cv2.imencode('.jpg', drawn)[1].tobytes())
        read = f'read {poses.prompt!r}' if poses.prompt else 'no words'
        print(
            f'{path}: {len(poses.boxes)} people, {poses.route} route, {read} -> {drawing}'
        )
    keypoints = model.info['keypoints']
    skeleton = [[a + 1, b + 1] for a, b in keypoints['skeleton']]
    person = dict(id=1, name='person', keypoints=keypoints['names'], skeleton=skeleton)
    content = dict(images=images, annotations=annotations, categories=[person])
    _write(Path(options.out, 'annotations.json'), json.dumps(content).encode())
    print(f'{len(images)} images done, {failed} failed: {options.out}/annotations.json')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
