"""projects/onnx_runtime: the same keypoints without PyTorch."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_checkpoint
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
from mmpose.registry import DATASETS, MODELS
from PIL import Image

from tests.conftest import ROOT
from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis.model_zoo import demo_images
from vlpose_mm.datasets.scenarios import REAL, SCENARIOS
from vlpose_mm.tools.export import main as export

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MINI = ROOT / 'projects/mini_humanart'
RUNTIME = ROOT / 'projects/onnx_runtime'
SCRIPT = RUNTIME / 'vlpose_onnx.py'
PHOTOS = [name for name, scenario in SCENARIOS.items() if scenario.group == REAL]
IMAGE = MINI / 'images/2D_virtual_human/mural/mural.jpg'


@pytest.fixture(scope='module')
def runtime() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(RUNTIME)
        import vlpose_onnx

        yield vlpose_onnx


@pytest.fixture(scope='module')
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped mini model as a graph."""
    path = tmp_path_factory.mktemp('graph') / 'mini.onnx'
    base = MINI / 'vitpose_mini_photos.pth'
    config = MINI / 'configs/vlpose_mini_auto.py'
    weights = MINI / 'vlpose_mini.pth'
    export([str(config), str(weights), str(path), '--base', str(base)])
    return path


@pytest.fixture
def model(graph: Path, runtime: ModuleType) -> object:
    return runtime.VLPoseOnnx(str(graph))


@pytest.fixture(scope='module')
def image(runtime: ModuleType) -> np.ndarray:
    return runtime.read_image(str(IMAGE))


@pytest.fixture(scope='module')
def mini(mini_data: Path) -> SimpleNamespace:
    """The shipped mini model, and a few of its test images."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(MINI / 'configs/vlpose_mini_auto.py')
    cfg.model.base_weights = str(MINI / 'vitpose_mini_photos.pth')
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, str(MINI / 'vlpose_mini.pth'), 'cpu')
    cfg.test_dataloader.dataset.data_root = f'{mini_data}/'
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    pipeline = Compose(cfg.test_dataloader.dataset.pipeline)
    return SimpleNamespace(model=model, dataset=dataset, pipeline=pipeline)


@torch.no_grad()
def pytorch(mini: SimpleNamespace, packed: dict, route: str):  # noqa: ANN201
    """Run the model itself, from pixels to pixels."""
    mini.model.set_route(route)
    (found,) = mini.model.test_step(pseudo_collate([packed]))
    return found


@pytest.mark.parametrize('route', ['tuned', 'original'])
def test_keypoints_are_pytorch_s(route, model, mini, runtime) -> None:
    for row in range(len(mini.dataset)):
        info = mini.dataset.get_data_info(row)
        found = pytorch(mini, mini.dataset[row], route)
        image, scenario = runtime.read_image(info['img_path']), found.metainfo['scenario']
        poses = model(image, info['bbox'], scenario=scenario, route=route)
        assert poses.route == route
        if route == 'tuned':
            assert poses.text_prompt == found.metainfo['text_prompt']
        expected = found.pred_instances
        np.testing.assert_allclose(poses.keypoints, expected.keypoints, atol=0.02)
        scores = expected.keypoint_scores
        np.testing.assert_allclose(poses.keypoint_scores, scores, atol=1e-4)


def test_whole_images_are_what_the_inferencer_sees(model, runtime) -> None:
    for result in VLPoseInferencer('mini-drawn', device='cpu')(demo_images(), True):
        image = runtime.read_image(str(demo_images() / result['name']))
        found = model(image, scenario=result['scenario'], route=result['route'])
        assert found.text_prompt == result['text_prompt']
        keypoints = result['predictions'][0].pred_instances.keypoints
        np.testing.assert_allclose(found.keypoints, keypoints, atol=0.02)
        # Without a route it takes the same one.
        alone = model(image)
        assert (alone.route == 'original') == (found.scenario in (None, *PHOTOS))


def test_all_instances_of_an_image_are_classified_together(model, mini) -> None:
    routes = set()
    for row in range(0, len(mini.dataset), 3):
        image = cv2.imread(mini.dataset.get_data_info(row)['img_path'])
        h, w = image.shape[:2]
        bboxes = np.array([[0, 0, w, h], [0.1 * w, 0.2 * h, 0.9 * w, 0.8 * h]], np.float32)
        scores = np.array([0.9, 0.2], np.float32)
        packed = []
        for bbox, score in zip(bboxes, scores, strict=True):
            settings = dict(img=image.copy(), bbox=bbox[None], bbox_score=np.array([score]))
            packed.append(mini.pipeline(settings | mini.dataset.metainfo))
        mini.model.set_route('auto')
        with torch.no_grad():
            found = mini.model.test_step(pseudo_collate(packed))
        poses = model(image, bboxes, scores)
        assert poses.route == found[0].metainfo['pred_route']
        assert poses.scenario == found[0].metainfo['pred_scenario']
        expected = np.concatenate([each.pred_instances.keypoints for each in found])
        np.testing.assert_allclose(poses.keypoints, expected, atol=0.05)
        routes.add(poses.route)
    assert routes == {'tuned', 'original'}


def test_the_flip_test_follows_the_model(model, mini, runtime) -> None:
    info, found, before = mini.dataset.get_data_info(0), [], mini.model.test_cfg
    image = runtime.read_image(info['img_path'])
    for settings in ({}, dict(shift_heatmap=True), dict(flip_test=False)):
        mini.model.test_cfg = {**before, **settings}
        model.info['shift_heatmap'] = settings.get('shift_heatmap', False)
        expected = pytorch(mini, mini.dataset[0], 'original').pred_instances.keypoints
        flip = settings.get('flip_test')
        poses = model(image, info['bbox'], route='original', flip_test=flip)
        np.testing.assert_allclose(poses.keypoints, expected, atol=0.02)
        found.append(poses.keypoints)
    mini.model.test_cfg = before
    assert not np.allclose(found[0], found[1]) and not np.allclose(found[0], found[2])


@pytest.mark.parametrize('route', ['tuned', 'original'])
def test_openvino_finds_what_onnx_runtime_does(route, model, mini, graph, runtime) -> None:
    other = runtime.VLPoseOnnx(str(graph), threads=1, provider='openvino')
    assert other.info == model.info
    for row in range(len(mini.dataset)):
        info = mini.dataset.get_data_info(row)
        image = runtime.read_image(info['img_path'])
        bboxes = np.repeat(info['bbox'], 1 + row % 3, 0)
        call = dict(scenario='mural', route=route)
        expected, poses = model(image, bboxes, **call), other(image, bboxes, **call)
        np.testing.assert_allclose(poses.keypoints, expected.keypoints, atol=0.02)
        scores = expected.keypoint_scores
        np.testing.assert_allclose(poses.keypoint_scores, scores, atol=1e-4)


def test_openvino_classifies_too(model, graph, runtime, image) -> None:
    other = runtime.VLPoseOnnx(str(graph), provider='openvino')
    assert other(image)[-3:] == model(image)[-3:]


def test_signals_are_handled_after_openvino_was_opened(graph: Path) -> None:
    code = 'import os, runpy, signal, sys; found = []; '
    code += 'open_model = runpy.run_path(sys.argv[1])["VLPoseOnnx"]; '
    code += 'model = open_model(sys.argv[2], provider="openvino"); '
    code += 'signal.signal(signal.SIGUSR1, lambda *args: found.append(args)); '
    code += 'os.kill(os.getpid(), signal.SIGUSR1); print(len(found))'
    command = [sys.executable, '-c', code, str(SCRIPT), str(graph)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, '1\n'), done.stderr


def test_openvino_computes_in_bfloat16_where_the_cpu_does(
    model, graph, runtime, image
) -> None:
    import openvino

    able = openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    call = dict(provider='openvino', bf16=True)
    if 'BF16' not in able:
        with pytest.raises(ValueError, match='has no arithmetic in bfloat16; omit it'):
            runtime.VLPoseOnnx(str(graph), **call)
        return
    poses = runtime.VLPoseOnnx(str(graph), **call)(image, scenario='mural')
    scores = model(image, scenario='mural').keypoint_scores
    np.testing.assert_allclose(poses.keypoint_scores, scores, atol=0.05)
    assert not np.allclose(poses.keypoint_scores, scores, atol=1e-4)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (
            dict(provider='cuda'),
            "'cuda' is not installed, only cpu, openvino; pip install onnxruntime-gpu, in",
        ),
        (
            dict(provider='tensorrt', bf16=True),
            "'tensorrt' is not .*; pip install .*, and tensorrt",
        ),
        (dict(provider='gpu'), "Unknown provider 'gpu'; choose one of .'cpu', 'cuda'"),
        (dict(provider='cpu', bf16=True), "'cpu' does not compute in bfloat16; use tens"),
    ],
)
def test_a_provider_that_is_not_there_is_named_with_the_remedy(
    settings: dict, message: str, graph: Path, runtime: ModuleType
) -> None:
    with pytest.raises(ValueError, match=message):
        runtime.VLPoseOnnx(str(graph), **settings)


def test_tensorrt_gets_the_settings_and_the_other_providers(
    graph: Path, runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot run here: what ONNX Runtime is asked for, and that it must start."""
    wanted = []
    session = onnxruntime.InferenceSession

    def open_session(path: str, options: object, providers: list) -> object:
        wanted.extend(providers)
        return session(path, options, ['CPUExecutionProvider'])

    here = ['TensorrtExecutionProvider', 'CUDAExecutionProvider', 'CPUExecutionProvider']
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: here)
    monkeypatch.setattr(onnxruntime, 'InferenceSession', open_session)
    with pytest.raises(ValueError, match="'tensorrt' did not start"):
        runtime.VLPoseOnnx(str(graph), provider='tensorrt', bf16=True)
    assert wanted == [(here[0], {'trt_bf16_enable': True}), *here[1:]]


@pytest.mark.parametrize('use_udp', [True, False])
def test_instances_are_cropped_as_mmpose_does(use_udp: bool, runtime: ModuleType) -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (20, 30, 3), np.uint8), (300, 200))
    bboxes = np.array(
        [[20, 30, 90, 190], [5, 100, 290, 160], [280, 5, 299, 60]], np.float32
    )
    info = dict(
        codec=dict(input_size=[96, 128]),
        padding=1.25,
        mean=[10, 20, 30],
        std=[2, 3, 4],
        bgr_to_rgb=True,
        use_udp=use_udp,
    )
    crops, centers, scales = runtime.crop_instances(image, bboxes, info, info['padding'])
    for row, bbox in enumerate(bboxes):
        sample = GetBBoxCenterScale()(dict(img=image.copy(), bbox=bbox[None]))
        sample = TopdownAffine(input_size=(96, 128), use_udp=use_udp)(sample)
        expected = sample['img'][..., ::-1].astype(np.float32)
        expected = (expected - [10, 20, 30]) / [2, 3, 4]
        # A rounded pixel may fall to the other side.
        off = np.abs(crops[row].transpose(1, 2, 0) - expected)
        assert np.quantile(off, 0.99) < 1e-4 and off.max() < 2
        np.testing.assert_allclose(centers[row], sample['input_center'])
        np.testing.assert_allclose(scales[row], sample['input_scale'], rtol=1e-6)


@pytest.mark.parametrize('kind', [UDPHeatmap, MSRAHeatmap])
def test_heatmaps_are_decoded_as_mmpose_does(kind: type, runtime: ModuleType) -> None:
    rng = np.random.default_rng(0)
    codec = kind(input_size=(96, 128), heatmap_size=(24, 32), sigma=2)
    # Smooth ones, with maxima on the edges and in the corners among them.
    noise = rng.normal(size=(40, 32, 24)).astype(np.float32)
    heatmaps = np.stack([cv2.GaussianBlur(each, (7, 7), 0) for each in noise]).clip(0)
    heatmaps[0, 0, 0] = heatmaps[1, 31, 23] = heatmaps[2, 10, 0] = 5
    settings = dict(type=kind.__name__, blur_kernel_size=11)
    points, scores = runtime.decode(heatmaps[None], settings)
    expected, expected_scores = codec.decode(heatmaps)
    np.testing.assert_allclose(points * [96, 128], expected, atol=2e-3)
    np.testing.assert_allclose(scores, expected_scores)


def test_nothing_in_a_heatmap_is_nowhere(runtime: ModuleType) -> None:
    heatmaps = np.zeros((1, 1, 32, 24), np.float32)
    points, scores = runtime.decode(heatmaps, dict(type='MSRAHeatmap'))
    assert scores == 0 and (points < 0).all()


@pytest.fixture(scope='module')
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Run Python with numpy, OpenCV and ONNX Runtime, and no other package."""
    site = tmp_path_factory.mktemp('site')
    for name in ('numpy', 'cv2', 'onnxruntime'):
        package = Path(find_spec(name).submodule_search_locations[0])
        (site / name).symlink_to(package)
    # Wheels keep their libraries beside the package.
    for libraries in package.parent.glob('*.libs'):
        (site / libraries.name).symlink_to(libraries)

    def run(*args: str | Path, fails: int = 0) -> subprocess.CompletedProcess:
        env = dict(PATH=os.environ['PATH'], PYTHONPATH=str(site))
        command = [sys.executable, '-S', '-B', '-W', 'error', *map(str, args)]
        result = subprocess.run(command, env=env, cwd=site, capture_output=True, text=True)
        assert result.returncode == fails, result.stdout + result.stderr
        return result

    return run


def test_the_bare_python_has_no_torch(bare_python: Callable) -> None:
    names = ('torch', 'onnx', 'PIL', 'mmengine', 'vlpose_mm', 'pip')
    code = 'from importlib.util import find_spec; print(*map(find_spec, {names}))'
    found = bare_python('-c', code.format(names=names)).stdout.split()
    assert found == ['None'] * len(names)


def test_the_command_runs_without_torch(model, graph, bare_python, mini, runtime, tmp_path):
    bboxes, out = tmp_path / 'bboxes.json', tmp_path / 'out'
    # Of instances and images, the first and the last.
    infos = [mini.dataset.get_data_info(row) for row in (0, len(mini.dataset) - 1)]
    images = [info['img_path'] for info in infos]
    records = [dict(id=i, file_name=Path(p).name) for i, p in enumerate(images)]
    annotations = []
    for i, info in enumerate(infos):
        x1, y1, x2, y2 = info['bbox'][0].tolist()
        annotations.append(dict(image_id=i, bbox=[x1, y1, x2 - x1, y2 - y1], score=0.5))
    bboxes.write_text(json.dumps(dict(images=records, annotations=annotations)))
    args = ['--scenario', 'Oil painting', '--bboxes', bboxes, '--out', out]
    result = bare_python(SCRIPT, graph, *images, *args)
    assert "1 instances, tuned route, read 'an oil painting of a person'" in result.stdout
    assert '2 images done, 0 failed' in result.stdout
    content = json.loads((out / 'annotations.json').read_text())
    assert [image['file_name'] for image in content['images']] == images
    assert content['images'][0]['text_prompt'] == 'an oil painting of a person'
    assert content['images'][0]['category'] == 'oil_painting'
    assert len(content['categories'][0]['keypoints']) == 17
    for instance, info in zip(content['annotations'], infos, strict=True):
        image = runtime.read_image(info['img_path'])
        poses = model(image, info['bbox'], scenario='oil painting')
        found = np.reshape(instance['keypoints'], (17, 3))
        np.testing.assert_allclose(found[:, :2], poses.keypoints[0], atol=0.02)
        visible = np.where(poses.keypoint_scores[0] >= 0.3, 2, 1)
        np.testing.assert_array_equal(found[:, 2], visible)
        score = 0.5 * poses.keypoint_scores.mean()
        assert instance['score'] == pytest.approx(score, abs=1e-3)
    drawings = sorted((out / 'drawings').iterdir())
    for drawing, path in zip(drawings, images, strict=True):
        assert cv2.imread(str(drawing)).shape == cv2.imread(path).shape


def test_the_file_itself_names_no_other_package() -> None:
    imported = re.findall(r'^\s*(?:import|from) (\w+)', SCRIPT.read_text(), re.MULTILINE)
    assert {*imported} - {*sys.stdlib_module_names} == {
        *('cv2', 'numpy', 'onnxruntime', 'openvino')
    }


def test_bad_images_are_skipped(graph: Path, bare_python: Callable, tmp_path: Path) -> None:
    good = IMAGE.read_bytes()
    (tmp_path / 'empty.jpg').write_bytes(b'')
    (tmp_path / 'text.jpg').write_text('hello')
    (tmp_path / 'half.jpg').write_bytes(good[: len(good) // 2])
    Image.new('RGB', (1, 1)).save(tmp_path / 'dot.png')
    Image.new('L', (20000, 10000)).save(tmp_path / 'wall.png')
    bad = ['empty.jpg', 'text.jpg', 'half.jpg', 'dot.png', 'wall.png', 'missing.jpg']
    images = [*(tmp_path / name for name in bad), IMAGE]
    result = bare_python(SCRIPT, graph, *images, '--out', tmp_path / 'out', fails=1)
    skipped = [line for line in result.stderr.splitlines() if 'Skipped' in line]
    reasons = ['is empty', 'not an image', 'truncated', 'smaller than 8 x 8']
    reasons += ['too many pixels; scale it down', 'No such file']
    for line, name, reason in zip(skipped, bad, reasons, strict=True):
        assert line.count(name) == 1 and reason in line
    assert 'Traceback' not in result.stderr
    assert '1 images done, 6 failed' in result.stdout
    content = json.loads((tmp_path / 'out/annotations.json').read_text())
    assert len(content['images']) == len(content['annotations']) == 1


def test_images_of_other_forms_are_converted(runtime: ModuleType, tmp_path: Path) -> None:
    color = cv2.imread(str(IMAGE))
    gray = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / 'gray.png'), gray)
    cv2.imwrite(str(tmp_path / 'grey16.png'), gray.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / 'color16.png'), color.astype(np.uint16) * 257)
    glass = np.dstack([color, np.full_like(gray, 51)])
    cv2.imwrite(str(tmp_path / 'glass.png'), glass)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(color[..., ::-1]).save(
        tmp_path / 'turned.jpg', exif=exif, quality=100, subsampling=0
    )
    expected = {
        'gray.png': np.repeat(gray[..., None], 3, 2),
        'grey16.png': np.repeat(gray[..., None], 3, 2),
        'color16.png': color,
        'glass.png': 0.2 * color + 0.8 * 255,
        'turned.jpg': np.rot90(color, -1),
    }
    for name, image in expected.items():
        found = runtime.read_image(str(tmp_path / name))
        assert found.dtype == np.uint8 and found.shape == image.shape
        # JPEG loses a little.
        assert np.abs(found - image.astype(float)).mean() < 3


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--scenario', 'oil paintin'], "did you mean 'oil_painting'"),
        (['--text-prompt', 'a murall of a person'], "did you mean 'a mural of a person'"),
        (['--provider', 'cuda'], "The provider 'cuda' is not installed, only cpu, open"),
        (['--text-prompt', ' '], "The graph has no text prompt ' '; it has ['a photo"),
        (['--bboxes', 'missing.json'], 'Cannot read missing.json'),
        (['--bboxes', str(IMAGE)], 'is not an annotation file'),
        (['--scenario', 'mural', '--text-prompt', 'a mural'], 'not allowed with'),
    ],
)
def test_a_wrong_call_gets_one_clear_error(
    args, message, graph, runtime, tmp_path, capsys
) -> None:
    out = tmp_path / 'out'
    with pytest.raises(SystemExit) as exit_info:
        runtime.main([str(graph), str(IMAGE), '--out', str(out), *args])
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_other_files_foreign_graphs_and_other_versions_are_refused(
    graph: Path, runtime: ModuleType, tmp_path: Path
) -> None:
    def refuse(path: object, message: str) -> None:
        for provider in ('cpu', 'openvino'):
            with pytest.raises((OSError, ValueError), match=message):
                runtime.VLPoseOnnx(str(path), provider=provider)

    refuse('missing.onnx', 'There is no file')
    refuse(IMAGE, 'is not an ONNX graph')
    proto, path = onnx.load(graph), tmp_path / 'other.onnx'
    (settings,) = proto.metadata_props
    settings.value = json.dumps({**json.loads(settings.value), 'version': 2})
    onnx.save(proto, path)
    refuse(path, 'of version 2 and this runtime of 1')
    del proto.metadata_props[:]
    onnx.save(proto, path)
    refuse(path, 'is not a graph that `python -m vlpose_mm')


@pytest.mark.parametrize(
    ('bbox', 'message'),
    [
        ([np.nan, 0, 50, 50], 'nan, 0, 50, 50 is not finite'),
        ([50, 50, 20, 80], 'has no size; give the corners'),
        ([-50, -50, -10, -10], 'lies outside of the'),
        ([1, 2, 3], 'Bboxes are N x 4'),
    ],
)
def test_wrong_bboxes_are_refused(bbox, message, model, image) -> None:
    with pytest.raises(ValueError, match=message):
        model(image, np.array([bbox]))


def test_bboxes_are_clipped_to_the_image_and_there_may_be_none(model, image) -> None:
    h, w = image.shape[:2]
    poses = model(image, np.array([[-20, -30, w + 40, h + 50]]))
    np.testing.assert_array_equal(poses.bboxes, [[0, 0, w, h]])
    clipped = model(image, np.array([[0, 0, w, h]]))
    np.testing.assert_array_equal(poses.keypoints, clipped.keypoints)
    for nobody in ([], (), np.zeros(0), np.zeros((0, 4)), np.zeros((0, 5))):
        empty = model(image, nobody, scenario='mural')
        assert empty.keypoints.shape == (0, 17, 2)
        assert empty.keypoint_scores.shape == (0, 17)
        assert empty.bboxes.shape == (0, 4) and empty.bbox_scores.shape == (0,)
    with pytest.raises(ValueError, match=r'Bboxes are N x 4 .*, got \(1, 0\)'):
        model(image, [[]])


def test_more_instances_than_a_batch(model, image, runtime) -> None:
    h, w = image.shape[:2]
    bboxes = np.array([[i, i, w - i, h - 2 * i] for i in range(runtime.BATCH + 3)])
    together = model(image, bboxes, scenario='mural')
    for row in (0, runtime.BATCH - 1, runtime.BATCH, len(bboxes) - 1):
        alone = model(image, bboxes[row : row + 1], scenario='mural')
        np.testing.assert_allclose(together.keypoints[row], alone.keypoints[0], atol=0.05)


def test_the_table_of_routes_is_followed(model, image) -> None:
    routes = model.info['routes']
    assert model(image, scenario='mural').route == 'tuned'
    routes['2D_virtual_human'] = 'original'
    assert model(image, scenario='mural').route == 'original'
    routes['mural'] = 'tuned'
    assert model(image, scenario='mural').route == 'tuned'
    assert model(image, text_prompt='a sketch of a person').route == 'tuned'
    model.info['classifier'] = None
    assert model(image).route == 'original'
    with pytest.raises(ValueError, match="Unknown route 'best'"):
        model(image, route='best')
