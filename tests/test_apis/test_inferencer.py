"""The inferencer: what goes in, what comes out, and what is refused."""

import copy
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from PIL import Image

from tests.test_apis.conftest import write_video
from vlpose_mm import VLPoseInferencer
from vlpose_mm.apis import BBoxFile


@pytest.fixture(scope='session')
def run(demo):
    """Return the instances of each image."""

    def call(*args, **kwargs) -> list:
        results = demo(*args, return_datasamples=True, **kwargs)
        return [result['predictions'][0].pred_instances for result in results]

    return call


@pytest.fixture
def paths(art: Path) -> list[Path]:
    """Eight drawn images of several scenarios."""
    return sorted(art.glob('2D_virtual_human/*/*.jpg'))[:8]


def assert_close(found: list, expected: list, atol: float = 0.05) -> None:
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.keypoints, other.keypoints, atol=atol)


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
    (result,) = demo(sketches[0], scenario='pixel art')
    assert result['text_prompt'] == 'a pixel art picture of a person'


@pytest.mark.fast
def test_the_text_prompt_changes_the_pose_on_the_tuned_route_only(run, sketches) -> None:
    texts = ('a mural of a person', 'a shadow play puppet of a person')
    for route, is_equal in (('tuned', False), ('original', True)):
        (one,), (other,) = (run(sketches[0], text_prompt=t, route=route) for t in texts)
        assert np.array_equal(one.keypoints, other.keypoints) == is_equal


def test_a_result_says_what_a_new_text_prompt_was_read_as(demo, sketches) -> None:
    own, other = 'a mural of a person', 'a fresco on the wall of a church'
    (known,) = demo(sketches[0], True, text_prompt=own)
    (read,) = demo(sketches[0], True, text_prompt=other)
    (literal,) = demo(sketches[0], True, text_prompt=other, text_reading='literal')
    assert known['read_as'] is literal['read_as'] is demo.read(own) is None
    assert read['read_as'] == demo.read(other).shares and read['text_prompt'] == other
    assert next(iter(read['read_as'])) == own
    scores = [
        each['predictions'][0].pred_instances.keypoint_scores
        for each in (known, read, literal)
    ]
    assert np.abs(scores[0] - scores[1]).max() < np.abs(scores[0] - scores[2]).max()
    (original,) = demo(sketches[0], True, text_prompt=other, route='original')
    assert original['read_as'] is None
    with pytest.raises(ValueError, match='text_reading must be one of'):
        demo(sketches[0], text_prompt=other, text_reading='close')


@pytest.mark.parametrize('kind', ['cropped', 'whole_image'])
def test_a_cropped_image_is_not_padded_again(kind: str) -> None:
    inferencer = VLPoseInferencer('mini-drawn', device='cpu', det_model=kind)
    seen = []
    inferencer.model.backbone.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    # Of the aspect ratio of the crops.
    (result,) = inferencer(np.full((128, 96, 3), 255, np.uint8), True, route='original')
    assert result['predictions'][0].pred_instances.bboxes.tolist() == [[0, 0, 96, 128]]
    inner = seen[0][:, :, 2:-2, 2:-2]
    is_image = (inner - inner[..., 60:61, 46:47]).abs().amax((0, 1)) < 1e-6
    share = 1 if kind == 'cropped' else 1 / 1.25**2
    assert is_image.float().mean().item() == pytest.approx(share, abs=0.03)


def test_input_call_folder_and_classifier_say_what_is_on_an_image(
    demo, sketches, image
) -> None:
    bboxes = [[0, 0, 50, 60]]
    own = dict(image=sketches[0], scenario='mural', route='original', bboxes=bboxes)
    first, second = demo([own, sketches[1]], scenario='ukiyoe', return_datasamples=True)
    assert (first['scenario'], first['route']) == ('mural', 'original')
    assert first['predictions'][0].pred_instances.bboxes.tolist() == bboxes
    assert (second['scenario'], second['route']) == ('ukiyoe', 'tuned')
    *by_folder, by_classifier = demo([*sketches, image])
    assert [result['scenario'] for result in by_folder] == ['sketch', 'sketch']
    assert by_classifier['scenario'] and by_classifier['route'] in ('tuned', 'original')
    assert by_classifier['name'] == '000002.jpg'


def test_images_are_read_when_they_are_due_with_the_ids_of_a_file(
    demo, art, annotations, monkeypatch
) -> None:
    read, image_id = [], BBoxFile.image_id
    monkeypatch.setattr(
        BBoxFile, 'image_id', lambda self, path: read.append(path) or image_id(self, path)
    )
    paths = sorted(art.glob('*/*/0000005*.jpg'))[:4]
    results = demo(paths, bboxes=annotations, batch_size=3)
    assert not read
    first = next(results)
    assert len(set(read)) == 3
    results, bboxes = [first, *results], BBoxFile(annotations)
    assert [r['image_id'] for r in results] == [bboxes.image_id(p) for p in paths]
    counts = [len(bboxes.bboxes(p, 0.3)) for p in paths]
    assert [len(r['predictions'][0]) for r in results] == counts


def test_a_call_may_go_on_after_an_image_that_fails(demo, sketches, tmp_path) -> None:
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no image')
    inputs, failed = [sketches[0], broken, sketches[1]], []
    results = list(demo(inputs, on_error=lambda *args: failed.append(args)))
    assert len(results) == 2
    ((source, error),) = failed
    assert source.path == str(broken) and 'is not a readable image' in str(error)
    with pytest.raises(OSError, match='is not a readable image'):
        list(demo(inputs))


def test_batches_give_what_single_images_give(run, paths) -> None:
    bboxes = [[0, 0, 80, 100], [10, 10, 90, 120]]
    alone, together = (run(paths[:4], bboxes=bboxes, batch_size=size) for size in (1, 3))
    assert_close(together, alone)


def test_a_video_of_any_container_and_rate_is_drawn(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.webm', [image] * 2, 66.667, codec='VP80')
    results = list(demo(path, out_dir=str(tmp_path)))
    assert len(results) == 2
    # In a container of what MMPose writes.
    capture = cv2.VideoCapture(str(tmp_path / 'visualizations/clip.mp4'))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(66.667, rel=0.01)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert (tmp_path / 'predictions/clip.json').is_file()


def test_a_webcam_does_not_wait_for_a_full_batch(demo, image, webcam) -> None:
    read = webcam([image] * 5)
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


def test_threads_take_turns(run, paths) -> None:
    routes, found = ('auto', 'original'), {}
    alone = [run(paths[:2], route=route) for route in routes]

    def work(number: int) -> None:
        found[number] = run(paths[:2], route=routes[number % 2])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert_close(found[number], alone[number % 2])


def test_attention_maps_of_annotated_bboxes_equal_those_of_testing(
    demo, art: Path, mini_data: Path, annotations: str, monkeypatch
) -> None:
    (path,) = art.glob('*/cartoon/*5*.jpg')
    (result,) = demo(str(path), bboxes=BBoxFile(annotations), attention_maps=True)
    loader = copy.deepcopy(demo.cfg.test_dataloader)
    own = dict(type='HumanArtVLDataset', data_root=str(mini_data), ann_file=annotations)
    loader.dataset.update(own, bbox_file=None, data_prefix=dict(img=''))
    loader.update(num_workers=0, persistent_workers=False)
    route = dict(route='tuned', flip_test=False, output_attention_maps=True)
    monkeypatch.setattr(demo.model, 'test_cfg', demo.model.test_cfg | route)
    tested = []
    for batch in Runner.build_dataloader(loader):
        with torch.no_grad():
            samples = demo.model.test_step(batch)
        tested += [s for s in samples if s.metainfo['img_path'] == str(path)]
    for maps, sample in zip(result['attention_maps'], tested, strict=True):
        expected = sample.metainfo['pred_attention_maps']
        assert maps.text_prompt == expected.text_prompt == 'a cartoon of a person'
        np.testing.assert_allclose(maps.center, expected.center)
        np.testing.assert_allclose(maps.scale, expected.scale)
        torch.testing.assert_close(maps.weights, expected.weights, atol=1e-5, rtol=1e-3)


def test_a_call_returns_attention_maps_and_leaves_the_model_as_it_was(
    demo, sketches
) -> None:
    before = copy.deepcopy(demo.model.test_cfg)
    (result,) = demo(sketches[0], attention_maps=True, draw_heatmap=True)
    (maps,) = result['attention_maps']
    assert [w.text for w in maps.words if not w.special] == 'a sketch of a person'.split()
    assert demo.model.test_cfg == before and demo.model.router.decisions is None
    assert 'attention_maps' not in next(demo(sketches[0]))
    # A runner in the same process gets its own visualizer.
    is_made = Visualizer.check_instance_created('visualizer')
    assert not is_made or Visualizer.get_instance('visualizer') is not demo.visualizer


def test_instances_with_the_same_pose_are_dropped_if_wanted(run, sketches) -> None:
    bboxes = [[5, 5, 90, 120, 0.5], [5, 5, 90, 120, 0.9]]
    (both,), (kept,) = (
        run(sketches[0], bboxes=bboxes, pose_based_nms=nms) for nms in (False, True)
    )
    assert len(both) == 2 and kept.bbox_scores.tolist() == pytest.approx([0.9])


@pytest.mark.parametrize('size, message', [(0, 'is empty'), (1000, 'broken')])
def test_an_image_that_cannot_be_read_raises_when_it_is_due(
    demo, sketches, tmp_path, size, message
) -> None:
    path = tmp_path / 'broken.jpg'
    path.write_bytes(Path(sketches[0]).read_bytes()[:size])
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
    assert_close([alpha, deep, turned], run(image, scenario='sketch') * 3, atol=0.01)


def test_bboxes_that_cover_nothing_are_dropped(run, demo, sketches, image) -> None:
    nan, far, good = [np.nan, 0, 9, 9], [9000, 0, 9100, 50], [5, 5, 90, 120]
    (found,) = run(dict(image=sketches[0], bboxes=[nan, far, good]))
    assert found.bboxes.tolist() == [good]
    with pytest.raises(ValueError, match='no bbox is left'):
        run(dict(image=sketches[0], bboxes=[nan]))
    (result,) = demo(dict(image=sketches[0], bboxes=[]), return_datasamples=True)
    (sample,) = result['predictions']
    assert sample.pred_instances.keypoints.shape == (0, 17, 2)
    assert (result['scenario'], result['route']) == ('sketch', 'original')
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
        (dict(color='red'), "unknown argument {'color'}"),
        (dict(skeleton_style='stick'), 'skeleton_style must be one of'),
        (dict(vis_out_dir='out.jpg'), 'vis_out_dir must be a folder'),
    ],
)
def test_a_wrong_call_is_refused_at_once(demo, sketches, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        demo(sketches, **options)


def test_a_text_prompt_that_is_too_long_is_cut(demo, sketches) -> None:
    text_prompt = 'a sketch of ' + 'a very ' * 40 + 'old person'
    assert demo.unread(text_prompt).endswith('old person')
    assert not demo.unread('a sketch of a person')
    assert next(demo(sketches[0], text_prompt=text_prompt))['text_prompt'] == text_prompt


@pytest.mark.parametrize('options', [dict(pose2d=None), dict(pose3d='human3d')])
def test_a_model_that_is_not_2d_is_refused(options) -> None:
    with pytest.raises(ValueError, match='Name a 2D model'):
        VLPoseInferencer(**options)


@pytest.mark.parametrize('scale', [1.0, 3.0])
def test_a_drawing_shows_the_skeleton_where_it_was_found(demo, image, scale) -> None:
    (result,) = demo(image, True, scenario='sketch')
    (sample,) = result['predictions']
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


def test_many_images_with_one_text_prompt_run_merged_and_encode_it_once(
    demo, run, paths, monkeypatch
) -> None:
    alone = [*run(paths[0], scenario='mural'), *run(paths[1], scenario='mural')]
    merged, encoded = [], []
    merge, encoder = demo.model.merge_adapter, demo.model.text_encoder
    encode = encoder.encode
    encoder._cache.clear()
    monkeypatch.setattr(encoder, 'encode', lambda t: encoded.append([*t]) or encode(t))
    monkeypatch.setattr(
        demo.model, 'merge_adapter', lambda text: merged.append(text) or merge(text)
    )
    together = run(paths, scenario='mural', batch_size=4)
    assert merged == ['a mural of a person'] and encoded == [merged]
    assert not demo.model.backbone.lora.is_merged
    assert_close(together[:2], alone)
    encoder._cache.clear()
    run(paths[:7], scenario='mural', batch_size=2)
    assert len(encoded) == 2
    run(paths, batch_size=4)
    run([*paths, dict(image=paths[0], scenario='sketch')], scenario='mural', batch_size=4)
    assert len(merged) == 1
