"""python -m vlpose_mm.tools.dataset_converters.popart"""

from collections.abc import Callable


def test_its_splits_stay_and_the_style_is_the_scenario(
    layout: Callable, convert: Callable
) -> None:
    layout('popart')
    splits = convert('popart', 'popart')
    found = {name: each['images'][0] for name, each in splits.items()}
    texts = {
        name: (each['file_name'], each['category'], each['text_prompt'])
        for name, each in found.items()
    }
    assert texts == dict(
        train=(
            'images/a.jpg',
            'Art Nouveau (Modern)',
            'an Art Nouveau (Modern) painting of a person',
        ),
        val=(
            'images/Early_Renaissance/b.jpg',
            'Early Renaissance',
            'an Early Renaissance painting of a person',
        ),
        test=('images/c.jpg', 'painting', 'a painting of a person'),
    )
    counts = [each['num_keypoints'] for each in splits['train']['annotations']]
    assert counts == [17, 0]
    # Without outlines, areas are those that MMPose takes for a bbox.
    assert [each['area'] for each in splits['train']['annotations']] == [
        round(0.53 * 60 * 95, 2),
        round(0.53 * 20 * 50, 2),
    ]


def test_a_scenario_of_the_command_replaces_the_styles(
    layout: Callable, convert: Callable
) -> None:
    layout('popart')
    (image,) = convert('popart', 'popart', '--category', 'mural')['val']['images']
    assert image['category'] == 'mural' and 'text_prompt' not in image


def test_a_second_run_does_not_read_what_the_first_wrote(
    layout: Callable, convert: Callable
) -> None:
    layout('popart')
    assert convert('popart', 'popart') == convert('popart', 'popart')
