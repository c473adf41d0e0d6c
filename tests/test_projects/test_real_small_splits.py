"""The split of the real sets keeps apart what is trained on and what is tested."""

import pytest

from projects.real_small.splits import SETS, is_test, is_train, scenario_of, theme_of


@pytest.mark.fast
@pytest.mark.parametrize(
    ('set_name', 'image', 'split'),
    [
        ('lspet', dict(id=9000), 'train'),
        ('lspet', dict(id=9001), 'test'),
        ('coco_subset', dict(split='train2017'), 'train'),
        ('coco_subset', dict(split='val2017'), 'test'),
        ('coco_painted', dict(split='train2017', style='scream'), 'train'),
        ('coco_painted', dict(split='val2017', style='scream'), 'test'),
        ('coco_painted', dict(split='val2017', style='wave'), 'test'),
        ('coco_painted', dict(split='train2017', style='wave'), None),
        ('pose_depot', dict(pose='4M_Rawr_1'), 'train'),
        ('pose_depot', dict(pose='14F_Crossed_Legs_on_Floor'), 'test'),
        ('spine_cartoon', dict(character='mix-and-match'), 'train'),
        ('spine_cartoon', dict(character='spineboy'), 'test'),
        ('mmpose_tests', dict(id=1), 'test'),
    ],
)
def test_an_image_is_for_training_or_testing_by_photo_style_theme_and_character(
    set_name, image, split
):
    assert is_train(set_name, image) == (split == 'train')
    assert is_test(set_name, image) == (split == 'test')


def test_both_figures_of_a_theme_are_on_one_side():
    assert theme_of(dict(pose='14F_Crossed_Legs_on_Floor')) == '14'
    assert theme_of(dict(pose='14M_Crossed_Legs_on_Floor_4')) == '14'
    assert theme_of(dict(pose='1_Double_Peace_Sign')) == '1'


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=f"'lspets'.*{SETS[0]}"):
        is_train('lspets', dict(id=1))


def test_photos_have_no_scenario():
    assert scenario_of(dict(category='real_human/lspet')) is None
    assert scenario_of(dict(category='2D_virtual_human/sketch')) == 'sketch'
