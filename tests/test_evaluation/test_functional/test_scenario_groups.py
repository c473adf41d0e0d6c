"""The scenario, group and domain of an image, from its record."""

import pytest

from vlpose_mm.datasets import AssignTextPrompt
from vlpose_mm.evaluation.functional.scenario_groups import group_images, scenario_of

REAL, ART_2D, ART_3D = 'real_human', '2D_virtual_human', '3D_virtual_human'


@pytest.mark.fast
@pytest.mark.parametrize(
    ('category', 'file_name', 'scenario', 'group'),
    [
        ('oil painting', None, 'oil_painting', ART_2D),
        ('Oil-Painting', None, 'oil_painting', ART_2D),
        ('relief', 'a/cartoon/1.jpg', 'relief', ART_3D),
        (None, 'HumanArt/images/2D_virtual_human/mural/1.jpg', 'mural', ART_2D),
        (None, 'my/Ukiyoe/1.jpg', 'ukiyoe', ART_2D),
        ('pixel art', None, 'pixel_art', 'other'),
        (None, 'images/real_human/opera/1.jpg', 'opera', REAL),
        ('opera', 'real_human/x/1.jpg', 'opera', REAL),
        (None, 'val2017/000000000139.jpg', 'photos', 'photos'),
        ('', '1.jpg', 'photos', 'photos'),
        (None, None, 'photos', 'photos'),
    ],
)
def test_the_scenario_is_the_category_or_the_folder_as_in_training(
    category: str | None, file_name: str | None, scenario: str, group: str
) -> None:
    record = dict(id=1, category=category, file_name=file_name)
    assert scenario_of(record) == (scenario, group)
    natural = group in (REAL, 'photos')
    assert group_images([record]).domains['natural'] == [1] * natural
    sample = AssignTextPrompt()(dict(category=category, img_path=file_name or '1.jpg'))
    assert sample['scenario'] == (None if scenario == 'photos' else scenario)
    assert sample['group'] == (None if group in ('other', 'photos') else group)


def test_names_are_in_the_order_of_the_scenarios_and_have_images() -> None:
    categories = ['relief', None, 'pixel art', 'sketch', 'dance', 'pixel art', 'art deco']
    records = [dict(id=9 - i, category=name) for i, name in enumerate(categories)]
    scenarios, groups, domains = group_images(records)
    names = ['dance', 'sketch', 'relief', 'art_deco', 'pixel_art', 'photos']
    ids = [[5], [6], [9], [3], [7, 4], [8]]
    assert list(scenarios.items()) == list(zip(names, ids, strict=True))
    names, ids = [REAL, ART_2D, ART_3D, 'other', 'photos'], [[5], [6], [9], [7, 4, 3], [8]]
    assert list(groups.items()) == list(zip(names, ids, strict=True))
    assert domains == dict(natural=[8, 5], artificial=[9, 7, 6, 4, 3])


@pytest.mark.parametrize(
    'category', ['natural', 'Photos', 'all', 'real human', 'gap', ['mural']]
)
def test_refuses_categories_that_are_reserved_or_not_text(category: object) -> None:
    reserved = r'image 7: .* is not a name for a scenario; omit the category'
    match = reserved if isinstance(category, str) else r"image 7 must be text, got \['mural"
    with pytest.raises(ValueError, match=match):
        group_images([dict(id=7, category=category)])
