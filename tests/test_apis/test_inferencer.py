"""The inferencer: what goes in, what comes out, and what is refused."""

import copy
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.visualization import Visualizer
from mmpose.apis import MMPoseInferencer
from PIL import Image

from tests.test_apis.conftest import write_video
from vlpose_mm import VLPoseInferencer
from vlpose_mm.apis import BBoxFile


def samples_of(results) -> list:
    return [result['predictions'][0] for result in results]


@pytest.fixture(scope='session')
def run(demo):
    """Return the instances of each image."""

    def call(*args, **kwargs) -> list:
        results = demo(*args, return_datasamples=True, **kwargs)
        return [sample.pred_instances for sample in samples_of(results)]

    return call


def test_mmposes_own_inferencer_runs_our_configs(small_config, sketches, demo) -> None:
    theirs = MMPoseInferencer(
        str(small_config), None, device='cpu', det_model='whole_image'
    )
    (result,) = theirs(sketches[0])
    assert np.shape(result['predictions'][0][0]['keypoints']) == (17, 2)


@pytest.mark.fast
def test_a_result_has_instances_scenario_text_prompt_and_route(demo, sketches) -> None:
    (result,) = demo(sketches[0], scenario='oil painting', route='tuned')
    height, width = cv2.imread(sketches[0]).shape[:2]
    ((instance,),) = result['predictions']
    assert np.shape(instance['keypoints']) == (17, 2)
    assert len(instance['keypoint_scores']) == 17
    assert instance['bbox'][0] == [0, 0, width, height] and instance['bbox_score'] == 1
    assert (result['scenario'], result['route']) == ('oil_painting', 'tuned')
    assert result['text_prompt'] == 'an oil painting of a person'


@pytest.mark.fast
def test_the_text_prompt_changes_the_pose_on_the_tuned_route_only(run, sketches) -> None:
    texts = ('a mural of a person', 'a shadow play puppet of a person')
    for route, is_equal in (('tuned', False), ('original', True)):
        (one,), (other,) = (run(sketches[0], text_prompt=t, route=route) for t in texts)
        assert np.array_equal(one.keypoints, other.keypoints) == is_equal


@pytest.mark.parametrize('kind', ['cropped', 'whole_image'])
def test_a_cropped_image_is_not_padded_again(kind: str) -> None:
    inferencer = VLPoseInferencer('demo', device='cpu', det_model=kind)
    seen = []
    inferencer.model.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    # Of the aspect ratio of the crops.
    (result,) = inferencer(np.full((128, 96, 3), 255, np.uint8), True, route='original')
    assert result['predictions'][0].pred_instances.bboxes.tolist() == [[0, 0, 96, 128]]
    inner = seen[0][:, :, 2:-2, 2:-2]
    is_image = (inner - inner[..., 60:61, 46:47]).abs().amax((0, 1)) < 1e-6
    assert is_image.float().mean().item() == pytest.approx(
        1 if kind == 'cropped' else 1 / 1.25**2, abs=0.03
    )


def test_the_folder_or_the_classifier_names_the_scenario(demo, sketches, image) -> None:
    *by_folder, by_classifier = demo([*sketches, image])
    assert [result['scenario'] for result in by_folder] == ['sketch', 'sketch']
    assert by_classifier['scenario'] and by_classifier['route'] in ('tuned', 'original')
    assert by_classifier['name'] == '000002.jpg'


def test_what_an_input_says_overrides_the_call(demo, sketches) -> None:
    bboxes = [[0, 0, 50, 60]]
    own = dict(image=sketches[0], scenario='mural', route='original', bboxes=bboxes)
    first, second = demo([own, sketches[1]], scenario='ukiyoe', return_datasamples=True)
    assert (first['scenario'], first['route']) == ('mural', 'original')
    assert first['predictions'][0].pred_instances.bboxes.tolist() == bboxes
    assert (second['scenario'], second['route']) == ('ukiyoe', 'tuned')


def test_bboxes_of_an_annotation_file_bring_the_id_of_the_image(
    demo, art, annotations
) -> None:
    bboxes = BBoxFile(annotations)
    paths = sorted(art.glob('*/*/0000005*.jpg'))[:4]
    results = list(demo(paths, bboxes=annotations))
    assert [r['image_id'] for r in results] == [bboxes.image_id(p) for p in paths]
    counts = [len(bboxes.bboxes(p, 0.3)) for p in paths]
    assert [len(r['predictions'][0]) for r in results] == counts


def test_batches_of_images_give_what_single_images_give(run, art) -> None:
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))[:4]
    bboxes = [[0, 0, 80, 100], [10, 10, 90, 120]]
    alone, together = (run(paths, bboxes=bboxes, batch_size=size) for size in (1, 3))
    assert len(alone) == len(together) == len(paths)
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.keypoints, other.keypoints, atol=0.05)


def test_a_text_prompt_is_encoded_once_for_all_its_images(demo, art, monkeypatch) -> None:
    encoder = demo.model.text_encoder
    encoder._cache.clear()
    calls, encode = [], encoder.encode
    monkeypatch.setattr(encoder, 'encode', lambda t: calls.append([*t]) or encode(t))
    list(demo(sorted(art.glob('*/*/*.jpg'))[:5], scenario='mural', batch_size=2))
    assert calls == [['a mural of a person']]


def test_no_image_is_read_before_it_is_due(demo, art, annotations, monkeypatch) -> None:
    read, image_id = [], BBoxFile.image_id
    monkeypatch.setattr(
        BBoxFile, 'image_id', lambda self, path: read.append(path) or image_id(self, path)
    )
    results = demo(sorted(art.glob('*/*/0000005*.jpg')), bboxes=annotations, batch_size=3)
    assert not read
    next(results)
    assert len(set(read)) == 3


def test_a_video_gives_its_frames_in_order(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    results = list(demo(path, scenario='sketch'))
    assert [result['frame'] for result in results] == [0, 1, 2, 3, 4]
    assert results[0]['name'] == 'clip.mp4#000000' and results[0]['video'].fps == 12


def test_a_webcam_does_not_wait_for_a_full_batch(
    demo, image, tmp_path, monkeypatch
) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    read = []

    class Webcam:
        """A file in place of a webcam, whose frames are counted."""

        def __init__(self, place: int) -> None:
            # Not inherited from: OpenCV's classes corrupt memory then.
            self.file = capture(str(path))

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def read(self) -> tuple:
            read.append(len(read))
            return self.file.read()

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, 'VideoCapture', Webcam)
    results = demo(0, scenario='sketch', batch_size=4)
    assert next(results)['name'] == 'webcam0#000000' and len(read) == 1
    with pytest.raises(OSError, match='gives no more images'):
        for _ in range(5):
            next(results)
    assert len(read) == 6


def test_a_url_is_downloaded(run, sketches) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(Path(sketches[0]).parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        (fetched,) = run(f'{url}/{Path(sketches[0]).name}', scenario='sketch')
        with pytest.raises(OSError, match='Cannot (fetch|download)'):
            run(f'{url}/none.jpg')
        server.shutdown()
    (plain,) = run(sketches[0], scenario='sketch')
    assert np.array_equal(fetched.keypoints, plain.keypoints)


def test_threads_take_turns(run, art) -> None:
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))[:2]
    routes = ('auto', 'original')
    alone = {route: run(paths, route=route) for route in routes}
    found = {}

    def work(number: int) -> None:
        found[number] = run(paths, route=routes[number % 2])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        for one, other in zip(alone[routes[number % 2]], found[number], strict=True):
            assert np.allclose(one.keypoints, other.keypoints, atol=0.05)


def test_attention_maps_are_returned_if_wanted(demo, sketches) -> None:
    (result,) = demo(sketches[0], attention_maps=True)
    (maps,) = result['attention_maps']
    assert [w.text for w in maps.words if not w.special] == 'a sketch of a person'.split()
    assert 'attention_maps' not in next(demo(sketches[0]))


def test_a_runner_in_the_same_process_gets_its_own_visualizer(demo) -> None:
    assert demo.visualizer is not None
    assert not Visualizer.check_instance_created('visualizer') or (
        Visualizer.get_instance('visualizer') is not demo.visualizer
    )


def test_a_call_leaves_the_model_as_it_was(demo, sketches) -> None:
    before = copy.deepcopy(demo.model.test_cfg)
    list(demo(sketches, route='original', attention_maps=True, draw_heatmap=True))
    assert demo.model.test_cfg == before and demo.model.router.decisions is None


def test_instances_with_the_same_pose_are_dropped_if_wanted(run, sketches) -> None:
    bboxes = [[5, 5, 90, 120, 0.5], [5, 5, 90, 120, 0.9]]
    (both,), (kept,) = (
        run(sketches[0], bboxes=bboxes, pose_based_nms=nms) for nms in (False, True)
    )
    assert len(both) == 2 and kept.bbox_scores.tolist() == pytest.approx([0.9])


@pytest.mark.parametrize(
    'name, message', [('empty.jpg', 'is empty'), ('half.jpg', 'broken')]
)
def test_an_image_that_cannot_be_read_raises_when_it_is_due(
    demo, sketches, tmp_path, name, message
) -> None:
    content = Path(sketches[0]).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) // 2] if name == 'half.jpg' else b'')
    results = demo([sketches[0], path], batch_size=8)
    next(results)
    with pytest.raises((OSError, ValueError), match=message):
        next(results)


def test_unusual_images_are_converted(run, image, tmp_path) -> None:
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / 'gray.png'), gray)
    cv2.imwrite(str(tmp_path / 'deep.png'), image.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / 'alpha.png'), np.dstack([image, np.full_like(gray, 255)]))
    Image.fromarray(image[..., ::-1]).convert('CMYK').save(tmp_path / 'cmyk.jpg')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(image)[..., ::-1]).save(tmp_path / 'turned.png', exif=exif)
    alpha, _, deep, _, turned = run(str(tmp_path), scenario='sketch')
    (plain,) = run(image, scenario='sketch')
    for found in (alpha, deep, turned):
        assert np.allclose(found.keypoints, plain.keypoints, atol=0.01)


def test_bboxes_that_cover_nothing_are_dropped(run, demo, sketches) -> None:
    nan, far, good = [np.nan, 0, 9, 9], [9000, 0, 9100, 50], [5, 5, 90, 120]
    (found,) = run(dict(image=sketches[0], bboxes=[nan, far, good]))
    assert found.bboxes.tolist() == [good]
    with pytest.raises(ValueError, match='no bbox is left'):
        run(dict(image=sketches[0], bboxes=[nan]))
    (result,) = demo(dict(image=sketches[0], bboxes=[]), return_datasamples=True)
    (sample,) = result['predictions']
    assert sample.pred_instances.keypoints.shape == (0, 17, 2)
    assert (result['scenario'], result['route']) == ('sketch', 'original')
    image = cv2.imread(sketches[0])
    assert np.array_equal(demo.draw(image, sample), image[..., ::-1])


@pytest.mark.fast
@pytest.mark.parametrize(
    'options, message',
    [
        (dict(scenario='oil paintin'), "did you mean 'oil_painting'"),
        (dict(scenario=''), 'The scenario must be a name such as'),
        (dict(text_prompt=''), 'The text prompt is blank; write a text prompt'),
        (dict(text_prompt='  '), 'The text prompt is blank'),
        (dict(route='best'), "Unknown route 'best'; choose one of"),
        (dict(batch_size=0), 'batch_size must be at least 1'),
        (dict(bbox_thr=2), r'bbox_thr must be in \[0, 1\]'),
        (dict(bboxes=[[1, 2]]), 'The bboxes of the call must be x1, y1, x2, y2'),
    ],
)
def test_a_wrong_call_is_refused_at_once(demo, sketches, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        demo(sketches, **options)


def test_an_unknown_scenario_becomes_a_text_prompt(demo, sketches) -> None:
    (result,) = demo(sketches[0], scenario='pixel art')
    assert result['text_prompt'] == 'a pixel art picture of a person'


def test_a_text_prompt_that_is_too_long_is_cut(demo, sketches) -> None:
    text_prompt = 'a sketch of ' + 'a very ' * 40 + 'old person'
    assert demo.unread(text_prompt).endswith('old person')
    assert not demo.unread('a sketch of a person')
    assert next(demo(sketches[0], text_prompt=text_prompt))['text_prompt'] == text_prompt


def test_a_model_that_is_not_vlpose_is_refused(base_cfg, small_config) -> None:
    cfg = Config.fromfile(small_config)
    cfg.model = Config(base_cfg)
    with pytest.raises(ValueError, match='is a TopdownPoseEstimator, not a VLPoseEst'):
        VLPoseInferencer(cfg, device='cpu', det_model='whole_image')


@pytest.mark.parametrize('scale', [1.0, 3.0])
def test_a_drawing_shows_the_skeleton_where_it_was_found(demo, image, scale) -> None:
    (sample,) = samples_of(demo(image, scenario='sketch', return_datasamples=True))
    drawing = demo.draw(image, sample, scale, kpt_thr=0)
    height, width = (round(n * scale) for n in image.shape[:2])
    assert drawing.shape == (height, width, 3) and drawing.dtype == np.uint8
    plain = cv2.resize(image, (width, height))[..., ::-1]
    assert (np.abs(drawing.astype(int) - plain).max(2) > 60).mean() > 0.003
    colors = demo.model.dataset_meta['keypoint_colors']
    points = (sample.pred_instances.keypoints[0] * scale).round().astype(int)
    points = points.clip(0, [width - 1, height - 1])
    near = np.abs(drawing[points[:, 1], points[:, 0]].astype(int) - colors).max(1) < 40
    # Some lie below another keypoint, or below a limb.
    assert near.sum() > 8


def test_many_images_with_one_text_prompt_run_merged(demo, run, art, monkeypatch) -> None:
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))[:8]
    alone = [run(path, scenario='mural')[0].keypoints for path in paths[:2]]
    merged = []
    merge = demo.model.merge_adapter
    monkeypatch.setattr(
        demo.model, 'merge_adapter', lambda text: merged.append(text) or merge(text)
    )
    together = run(paths, scenario='mural', batch_size=4)
    assert merged == ['a mural of a person'] and not demo.model.backbone.lora.is_merged
    for one, other in zip(alone, together, strict=False):
        assert np.allclose(one, other.keypoints, atol=0.05)
    run(paths[:7], scenario='mural')
    run(paths, batch_size=4)
    run([*paths, dict(image=paths[0], scenario='sketch')], scenario='mural', batch_size=4)
    assert len(merged) == 1
