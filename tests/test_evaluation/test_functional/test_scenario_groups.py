"""What an image is, told from its record."""

import pytest

from vlpose_mm.evaluation.functional.scenario_groups import scenario_of, sort_images


@pytest.mark.parametrize(
    ('record', 'expected'),
    [
        (dict(category='oil painting'), ('oil_painting', '2D_virtual_human')),
        (dict(category='Oil-Painting'), ('oil_painting', '2D_virtual_human')),
        (dict(category='drama'), ('drama', 'real_human')),
        (dict(category='relief', file_name='a/cartoon/1.jpg'), ('relief',) * 2),
        (dict(file_name='HumanArt/images/2D_virtual_human/mural/1.jpg'), ('mural',) * 2),
        (dict(file_name='my/Ukiyoe/1.jpg'), ('ukiyoe', '2D_virtual_human')),
        (dict(category='pixel art'), ('pixel_art', 'other')),
        (dict(file_name='images/real_human/opera/1.jpg'), ('opera', 'real_human')),
        (dict(category='opera', file_name='real_human/x/1.jpg'), ('opera', 'real_human')),
        (dict(file_name='val2017/000000000139.jpg'), ('photos', 'photos')),
        (dict(file_name='1.jpg', category=''), ('photos', 'photos')),
        (dict(), ('photos', 'photos')),
    ],
)
def test_the_category_tells_the_scenario_else_the_folder(
    record: dict, expected: tuple[str, str]
) -> None:
    groups = dict(relief='3D_virtual_human', mural='2D_virtual_human')
    scenario, group = expected
    assert scenario_of(dict(id=1, **record)) == (scenario, groups.get(group, group))


def test_the_words_are_those_that_the_training_reads() -> None:
    from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt

    transform = AssignTextPrompt()
    for record in (
        dict(category='Digital art'),
        dict(category='pixel art'),
        dict(file_name='HumanArt/images/real_human/opera/1.jpg'),
        dict(file_name='somewhere/shadow_play/1.jpg'),
        dict(file_name='val2017/1.jpg'),
    ):
        sample = transform(dict(record, img_path=record.get('file_name', '1.jpg')))
        expected = sample['scenario'] or 'photos', sample['group']
        scenario, group = scenario_of(dict(id=1, **record))
        assert (scenario, None if group in ('other', 'photos') else group) == expected


def test_parts_stand_in_the_tables_order_and_only_if_they_have_images() -> None:
    categories = ['relief', None, 'pixel art', 'sketch', 'dance', 'pixel art', 'art deco']
    records = [dict(id=9 - i, category=name) for i, name in enumerate(categories)]
    parts = sort_images(records)
    assert list(parts.scenarios.items()) == [
        ('dance', [5]),
        ('sketch', [6]),
        ('relief', [9]),
        ('art_deco', [3]),
        ('pixel_art', [7, 4]),
        ('photos', [8]),
    ]
    assert list(parts.groups.items()) == [
        ('real_human', [5]),
        ('2D_virtual_human', [6]),
        ('3D_virtual_human', [9]),
        ('other', [7, 4, 3]),
        ('photos', [8]),
    ]
    assert parts.sides == dict(natural=[8, 5], artificial=[9, 7, 6, 4, 3])


def test_a_further_scenario_of_a_natural_group_is_natural() -> None:
    record = dict(id=1, category='opera', file_name='real_human/opera/1.jpg')
    assert sort_images([record]).sides == dict(natural=[1], artificial=[])


@pytest.mark.parametrize('category', ['natural', 'Photos', 'all', 'real human', 'gap'])
def test_a_category_with_the_name_of_another_part_is_refused(category: str) -> None:
    with pytest.raises(ValueError, match='image 7.*no name for a scenario; leave it out'):
        sort_images([dict(id=7, category=category)])


def test_a_category_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image 7 must be text, got \['mural'\]"):
        sort_images([dict(id=7, category=['mural'])])
