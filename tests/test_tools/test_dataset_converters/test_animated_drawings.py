"""python -m vlpose_mm.tools.dataset_converters.animated_drawings"""

from collections.abc import Callable

import numpy as np

from tests.test_tools.test_dataset_converters.layouts import POINTS, SIZE


def test_its_joints_become_cocos_and_the_texture_the_bbox(
    layout: Callable, convert: Callable
) -> None:
    layout('animated_drawings')
    train = convert('animated_drawings', 'animated_drawings', '--val-every', '2')['train']
    (image,), (annotation,) = train['images'], train['annotations']
    assert image['file_name'] == 'char1/texture.png'
    assert image['category'] == 'kids drawing'
    points = np.reshape(annotation['keypoints'], (17, 3))
    assert (points[:5] == 0).all()
    assert (points[5:, :2] == POINTS[5:]).all() and (points[5:, 2] == 2).all()
    assert annotation['bbox'] == [0, 0, *SIZE]


def test_a_texture_that_was_resized_takes_its_joints_along(
    layout: Callable, convert: Callable
) -> None:
    path = layout('animated_drawings') / 'char1/char_cfg.yaml'
    doubled = path.read_text().replace('width: 100', 'width: 200')
    path.write_text(doubled.replace('height: 140', 'height: 280'))
    found = convert('animated_drawings', 'animated_drawings')['train']['annotations']
    points = [np.reshape(each['keypoints'], (17, 3))[:, :2] for each in found]
    assert np.allclose(2 * points[0], points[1])
    assert found[0]['bbox'] == found[1]['bbox']


def test_what_is_no_character_is_refused(layout: Callable, refused: Callable) -> None:
    path = layout('animated_drawings') / 'char2/char_cfg.yaml'
    name = 'animated_drawings'
    path.with_name('texture.png').unlink()
    assert 'no data/animated_drawings/char2/texture.png' in refused(name, name)
    for content in ('skeleton: [{name: hip}]', '[', '- a', 'width: 3'):
        path.write_text(content)
        error = refused(name, name)
        assert 'char2/char_cfg.yaml is not a character of AnimatedDrawings' in error
    for each in path.parents[1].rglob('char_cfg.yaml'):
        each.unlink()
    assert 'There is no char_cfg.yaml below data/animated_drawings' in refused(name, name)
