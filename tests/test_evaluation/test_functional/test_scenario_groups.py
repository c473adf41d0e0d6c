"""The scenario, group and domain of an image, from its record."""

import pytest

from vlpose_mm.datasets import AssignTextPrompt
from vlpose_mm.evaluation.functional.scenario_groups import group_images, scenario_of

ART_2D, ART_3D = '2D_virtual_human', '3D_virtual_human'


@pytest.mark.fast
@pytest.mark.parametrize(
    ('record', 'scenario', 'group'),
    [
        (dict(category='oil painting'), 'oil_painting', ART_2D),
        (dict(category='Oil-Painting'), 'oil_painting', ART_2D),
        (dict(category='drama'), 'drama', 'real_human'),
        (dict(category='relief', file_name='a/cartoon/1.jpg'), 'relief', ART_3D),
        (dict(file_name='HumanArt/images/2D_virtual_human/mural/1.jpg'), 'mural', ART_2D),
        (dict(file_name='my/Ukiyoe/1.jpg'), 'ukiyoe', ART_2D),
        (dict(category='pixel art'), 'pixel_art', 'other'),
        (dict(file_name='images/real_human/opera/1.jpg'), 'opera', 'real_human'),
        (dict(category='opera', file_name='real_human/x/1.jpg'), 'opera', 'real_human'),
        (dict(file_name='val2017/000000000139.jpg'), 'photos', 'photos'),
        (dict(file_name='1.jpg', category=''), 'photos', 'photos'),
        (dict(), 'photos', 'photos'),
    ],
)
def test_the_scenario_is_the_category_or_the_folder_as_in_training(
    record: dict, scenario: str, group: str
) -> None:
    assert scenario_of(dict(id=1, **record)) == (scenario, group)
    sample = AssignTextPrompt()(dict(record, img_path=record.get('file_name', '1.jpg')))
    assert sample['scenario'] == (None if scenario == 'photos' else scenario)
    assert sample['group'] == (None if group in ('other', 'photos') else group)


def test_names_are_in_the_order_of_the_scenarios_and_have_images() -> None:
    categories = ['relief', None, 'pixel art', 'sketch', 'dance', 'pixel art', 'art deco']
    records = [dict(id=9 - i, category=name) for i, name in enumerate(categories)]
    scenarios, groups, domains = group_images(records)
    assert list(scenarios.items()) == [
        ('dance', [5]),
        ('sketch', [6]),
        ('relief', [9]),
        ('art_deco', [3]),
        ('pixel_art', [7, 4]),
        ('photos', [8]),
    ]
    assert list(groups.items()) == [
        ('real_human', [5]),
        (ART_2D, [6]),
        (ART_3D, [9]),
        ('other', [7, 4, 3]),
        ('photos', [8]),
    ]
    assert domains == dict(natural=[8, 5], artificial=[9, 7, 6, 4, 3])


def test_an_unknown_scenario_of_a_natural_group_is_natural() -> None:
    record = dict(id=1, category='opera', file_name='real_human/opera/1.jpg')
    assert group_images([record]).domains == dict(natural=[1], artificial=[])


@pytest.mark.parametrize(
    ('category', 'message'),
    [
        *(
            (name, 'image 7.*not a name for a scenario; omit the category')
            for name in ('natural', 'Photos', 'all', 'real human', 'gap')
        ),
        (['mural'], r"image 7 must be text, got \['mural'\]"),
    ],
)
def test_refuses_categories_that_are_reserved_or_not_text(
    category: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        group_images([dict(id=7, category=category)])
