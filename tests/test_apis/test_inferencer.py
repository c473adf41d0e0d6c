"""Poses from any image, in Python."""

import copy
import logging
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.visualization import Visualizer
from mmpose.apis import MMPoseInferencer, inference_topdown
from PIL import Image

from tests.test_apis.conftest import write_video
from vlpose_mm.apis import BoxFile, VLPoseInferencer
from vlpose_mm.apis.bboxes import People, given_people


def keypoints_of(results) -> list[np.ndarray]:
    return [result.keypoints for result in results]


def test_keypoints_are_those_of_mmposes_own_inference(demo, sketches) -> None:
    boxes = [[5, 5, 90, 120], [20, 10, 100, 110]]
    (result,) = demo(sketches[0], boxes=boxes, route='original')
    with demo.model.disable_adapter():
        theirs = inference_topdown(demo.model, sketches[0], np.float32(boxes))
    for row, sample in enumerate(theirs):
        assert np.array_equal(result.keypoints[row], sample.pred_instances.keypoints[0])
        assert np.array_equal(result.scores[row], sample.pred_instances.keypoint_scores[0])


def test_mmposes_own_inferencer_runs_our_configs(small_config, sketches, demo) -> None:
    theirs = MMPoseInferencer(
        str(small_config), None, device='cpu', det_model='whole_image'
    )
    (result,) = theirs(sketches[0])
    assert np.shape(result['predictions'][0][0]['keypoints']) == (17, 2)


def test_a_image_gives_boxes_keypoints_scores_words_and_route(demo, sketches) -> None:
    (result,) = demo(sketches[0], scenario='oil painting', route='tuned')
    height, width = cv2.imread(sketches[0]).shape[:2]
    assert result.keypoints.shape == (1, 17, 2) and result.scores.shape == (1, 17)
    assert result.boxes.tolist() == [[0, 0, width, height]]
    assert result.box_scores.tolist() == [1]
    assert result.scenario == 'oil_painting' and result.route == 'tuned'
    assert result.prompt == 'an oil painting of a person'


def test_words_change_the_pose_on_the_tuned_route_alone(demo, sketches) -> None:
    def run(prompt: str, route: str) -> np.ndarray:
        return keypoints_of(demo(sketches[0], prompt=prompt, route=route))[0]

    words = ('a mural of a person', 'a shadow play puppet of a person')
    one, other = (run(prompt, 'tuned') for prompt in words)
    assert not np.allclose(one, other)
    one, other = (run(prompt, 'original') for prompt in words)
    assert np.array_equal(one, other)


def test_a_folder_named_like_a_scenario_tells_it(demo, sketches) -> None:
    assert [result.scenario for result in demo(sketches)] == ['sketch', 'sketch']


def test_a_image_that_nobody_says_anything_about_is_classified(demo, image) -> None:
    assert demo.classifies
    (result,) = demo(image)
    assert result.scenario is not None and result.route in ('tuned', 'original')
    assert result.name == 'array_000000'


def test_what_a_image_brings_goes_before_what_the_call_says(demo, sketches) -> None:
    own = dict(
        image=sketches[0], scenario='mural', route='original', boxes=[[0, 0, 50, 60]]
    )
    first, second = demo([own, sketches[1]], scenario='ukiyoe')
    assert (first.scenario, first.route) == ('mural', 'original')
    assert first.boxes.tolist() == [[0, 0, 50, 60]]
    assert (second.scenario, second.route) == ('ukiyoe', 'tuned')


def test_a_whole_image_is_seen_whole_without_anything_around_it(demo) -> None:
    seen = []
    hook = demo.model.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    try:
        # As broad as the model's crops, so that all of the crop is image.
        (result,) = demo(np.full((128, 96, 3), 255, np.uint8), route='original')
    finally:
        hook.remove()
    assert result.boxes.tolist() == [[0, 0, 96, 128]]
    inner = seen[0][:, :, 2:-2, 2:-2]
    assert (inner - inner[..., :1, :1]).abs().max() < 1e-6


def test_the_people_of_an_annotation_file_keep_their_image_and_its_number(
    demo, art, annotations
) -> None:
    boxes = BoxFile(annotations)
    paths = [path for path in sorted(art.glob('*/*/0000005*.jpg'))][:4]
    results = list(demo(paths, boxes=annotations))
    assert [result.image_id for result in results] == [boxes.image_id(p) for p in paths]
    assert [len(r) for r in results] == [len(boxes.people(p, 0.3).boxes) for p in paths]


def test_batches_across_images_give_what_single_images_give(demo, art) -> None:
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))
    boxes = [[0, 0, 80, 100], [10, 10, 90, 120]]
    alone = keypoints_of(demo(paths, boxes=boxes, batch_size=1))
    together = keypoints_of(demo(paths, boxes=boxes, batch_size=7))
    assert len(alone) == len(together) == len(paths)
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one, other, atol=0.05)


def test_a_text_prompt_is_encoded_once_for_all_its_images(demo, art) -> None:
    encoder = demo.model.text_encoder
    encoder._cache.clear()
    calls = []
    encode = encoder.encode
    encoder.encode = lambda text_prompts: (
        calls.append(list(text_prompts)) or encode(text_prompts)
    )
    try:
        list(demo(sorted(art.glob('*/*/*.jpg')), scenario='mural', batch_size=2))
    finally:
        del encoder.encode
    assert calls == [['a mural of a person']]


def test_nothing_runs_before_a_result_is_asked_for_and_little_ahead(demo, art) -> None:
    paths = sorted(map(str, art.glob('*/*/*.jpg')))
    read = []

    class Told(BoxFile):
        """Notes which images are prepared."""

        def __init__(self) -> None:
            self.path = self.digest = 'synthetic'

        def image_id(self, path: str) -> int:
            read.append(path)
            return len(read)

        def people(self, path: str, bbox_thr: float) -> People:
            return given_people([[0, 0, 50, 50]], path)

        def words(self, path: str) -> dict:
            return {}

    boxes = Told()
    results = demo(paths, boxes=boxes, batch_size=3)
    assert not read
    next(results)
    assert len(read) == 3 < len(paths)


def test_the_frames_of_a_video_come_one_after_the_other(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    results = list(demo(path, scenario='sketch'))
    assert [result.frame for result in results] == [0, 1, 2, 3, 4]
    assert results[0].name == 'clip.mp4#000000' and results[0].video.fps == 12


def test_a_webcam_is_not_kept_waiting_for_a_full_batch(
    demo, image, tmp_path, monkeypatch
) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    read = []

    class Webcam:
        """There is none here: a file takes its place, and its frames are counted."""

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
    assert next(results).name == 'webcam0#000000' and len(read) == 1
    assert len(list(results)) == 4
    assert 'gives no more images' in results.failures[0].reason


def test_an_address_is_fetched(demo, sketches) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(Path(sketches[0]).parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f'http://127.0.0.1:{server.server_port}'
        name = Path(sketches[0]).name
        results = demo([f'{address}/{name}', f'{address}/none.jpg'], scenario='sketch')
        (fetched,) = results
        server.shutdown()
    (plain,) = demo(sketches[0], scenario='sketch')
    assert np.array_equal(fetched.keypoints, plain.keypoints)
    assert 'Cannot fetch' in results.failures[0].reason


def test_a_file_of_boxes_knows_no_video(demo, image, annotations, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    results = demo(path, boxes=annotations)
    assert not list(results) and len(results.failures) == 1
    assert 'has boxes of images, not of videos' in results.failures[0].reason


def test_threads_take_turns(demo, art) -> None:
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))
    alone = keypoints_of(demo(paths))
    found = {}

    def run(number: int) -> None:
        found[number] = keypoints_of(demo(paths, route=('auto', 'original')[number % 2]))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 2):
        assert np.allclose(np.concatenate(alone), np.concatenate(found[number]), atol=0.05)


def test_attention_maps_are_told_if_wanted(demo, sketches) -> None:
    (result,) = demo(sketches[0], attention_maps=True)
    (maps,) = result.attention_maps
    assert [w.text for w in maps.words if not w.special] == 'a sketch of a person'.split()
    assert not next(demo(sketches[0])).attention_maps


def test_a_runner_in_the_same_process_gets_a_visualizer_of_its_own(demo) -> None:
    assert demo.visualizer is not None
    assert not Visualizer.check_instance_created('visualizer') or (
        Visualizer.get_instance('visualizer') is not demo.visualizer
    )


def test_a_call_leaves_the_model_as_it_was(demo, sketches) -> None:
    before = copy.deepcopy(demo.model.test_cfg)
    list(demo(sketches, route='original', attention_maps=True))
    assert demo.model.test_cfg == before and demo.model.router.decisions is None


@pytest.fixture
def bad_images(sketches: list[str], tmp_path: Path) -> dict[str, str]:
    """Files that cannot be done, by what is said of them."""
    content = Path(sketches[0]).read_bytes()
    files = {
        'empty.jpg': (b'', 'is empty'),
        'letter.jpg': (b'Dear museum,', 'not a readable image'),
        'half.jpg': (content[: len(content) // 2], 'broken or truncated'),
    }
    for name, (bytes_, _) in files.items():
        (tmp_path / name).write_bytes(bytes_)
    Image.new('RGB', (1, 1)).save(tmp_path / 'dot.png')
    Image.new('1', (30000, 30000)).save(tmp_path / 'wall.png')
    told = {name: message for name, (_, message) in files.items()}
    told |= {'dot.png': 'is 1 x 1 pixels', 'wall.png': 'more than 178 million pixels'}
    return {str(tmp_path / name): message for name, message in told.items()}


def test_what_cannot_be_done_is_reported_and_the_rest_goes_on(
    demo, sketches, bad_images
) -> None:
    results = demo([sketches[0], *bad_images, sketches[1]])
    assert len(list(results)) == 2
    reasons = {failure.name: failure.reason for failure in results.failures}
    assert len(reasons) == len(bad_images)
    for (path, message), (name, reason) in zip(
        bad_images.items(), reasons.items(), strict=True
    ):
        assert path.endswith(name.split('/')[-1]) and message in reason


def test_odd_images_are_done(demo, image, tmp_path) -> None:
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / 'gray.png'), gray)
    cv2.imwrite(str(tmp_path / 'deep.png'), image.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / 'alpha.png'), np.dstack([image, np.full_like(gray, 255)]))
    Image.fromarray(image[..., ::-1]).convert('CMYK').save(tmp_path / 'cmyk.jpg')
    results = demo(str(tmp_path), scenario='sketch')
    found = {result.name: result.keypoints for result in results}
    assert len(found) == 4 and not results.failures
    (plain,) = demo(image, scenario='sketch')
    assert np.allclose(found['deep.png'], plain.keypoints, atol=0.01)
    assert np.allclose(found['alpha.png'], plain.keypoints, atol=0.01)


def test_a_image_turned_by_its_camera_is_seen_upright(demo, image, tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(np.rot90(image)[..., ::-1])
    turned.save(tmp_path / 'turned.png', exif=exif)
    (seen,) = demo(tmp_path / 'turned.png', scenario='sketch')
    (plain,) = demo(image, scenario='sketch')
    assert np.allclose(seen.keypoints, plain.keypoints, atol=0.01)


def test_a_box_that_holds_nothing_is_left_out_and_the_others_are_done(
    demo, sketches, caplog
) -> None:
    nan, far, good = [np.nan, 0, 9, 9], [9000, 0, 9100, 50], [5, 5, 90, 120]
    results = demo([dict(image=sketches[0], boxes=[nan, far, good]), sketches[1]])
    with caplog.at_level(logging.WARNING):
        first, second = results
    assert first.boxes.tolist() == [good] and len(second) == 1
    assert not results.failures


def test_a_image_whose_boxes_all_hold_nothing_is_passed_over(demo, sketches) -> None:
    results = demo([dict(image=sketches[0], boxes=[[np.nan] * 4]), sketches[1]])
    assert len(list(results)) == 1
    assert 'no box is left' in results.failures[0].reason


def test_a_image_on_which_nobody_is_gives_no_people(demo, sketches) -> None:
    (result,) = demo(dict(image=sketches[0], boxes=[]))
    assert len(result) == 0 and result.keypoints.shape == (0, 17, 2)
    assert result.scenario == 'sketch' and result.draw().shape == result.image.shape


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(scenario='oil paintin'), "did you mean 'oil_painting'"),
        (dict(scenario=''), 'The scenario must be a name such as'),
        (dict(prompt=''), 'The prompt is blank; write a text prompt'),
        (dict(prompt='  '), 'The prompt is blank'),
        (dict(route='best'), "Unknown route 'best'; choose one of"),
        (dict(batch_size=0), 'batch_size must be at least 1'),
        (dict(bbox_thr=2), r'bbox_thr must be in \[0, 1\]'),
        (dict(boxes=[[1, 2]]), 'Boxes of the call must be corners'),
    ],
)
def test_a_wrong_call_is_refused_at_once(demo, sketches, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        demo(sketches, **options)


def test_a_scenario_of_ones_own_is_read_as_a_text_prompt(demo, sketches) -> None:
    (result,) = demo(sketches[0], scenario='pixel art')
    assert result.prompt == 'a pixel art picture of a person'


def test_what_is_too_long_of_a_prompt_is_told(demo, sketches, caplog) -> None:
    prompt = 'a sketch of ' + 'a very ' * 40 + 'old person'
    assert demo.unread(prompt).endswith('old person')
    assert not demo.unread('a sketch of a person')
    (result,) = demo(sketches[0], prompt=prompt)
    assert result.prompt == prompt


def test_a_stock_model_is_refused(base_cfg, small_config) -> None:
    cfg = Config.fromfile(small_config)
    cfg.model = Config(base_cfg)
    with pytest.raises(ValueError, match='is a TopdownPoseEstimator, not a VLPoseEst'):
        VLPoseInferencer(cfg, device='cpu')


def test_a_drawing_shows_the_skeleton(demo, sketches, tmp_path) -> None:
    (result,) = demo(sketches[0])
    drawn = result.draw(kpt_thr=0)
    assert drawn.shape == result.image.shape and drawn.dtype == np.uint8
    assert (drawn != result.image).any(2).mean() > 0.01
    assert np.array_equal(result.image, cv2.imread(sketches[0]))
    result.save(tmp_path / 'drawing.png')
    assert np.array_equal(cv2.imread(str(tmp_path / 'drawing.png')), result.draw())
    with pytest.raises(ValueError, match='name it .json'):
        result.save(tmp_path / 'drawing.doc')
