"""projects/mini_humanart: random styles, their images and their descriptions."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

from projects.mini_humanart.drawing.scene import sample_scene
from projects.mini_humanart.drawing.style_space.paint import paint_style
from projects.mini_humanart.drawing.style_space.prompts import (
    describe_scenarios,
    misdescribe_scenarios,
)
from projects.mini_humanart.drawing.style_space.style import (
    ATTRIBUTES,
    SCENARIO_STYLES,
    VALUES,
    Style,
    sample_spec,
    sample_style,
    vary,
)
from projects.mini_humanart.drawing.style_space.words import describe_style
from projects.mini_humanart.drawing.styles import SCENARIOS
from tests.conftest import ROOT

STYLE = Style(
    'collage', 'fine', 'flat', 'smooth', 'natural', 'even', 'natural', 'hills', 'none', 5
)
GENERATE = (sys.executable, '-m', 'projects.mini_humanart.generate_styles')
SMALL = ('--styles=2', '--val-styles=1', '--images=2')
# mean of an image of each
MEANS = {
    'cartoon': 149.11, 'digital_art': 77.62, 'ink_painting': 190.09,
    'kids_drawing': 198.92, 'mural': 151.3, 'oil_painting': 86.02, 'shadow_play': 115.81,
    'sketch': 210.91, 'stained_glass': 99.79, 'ukiyoe': 149.31, 'watercolor': 218.64,
    'garage_kits': 91.3, 'relief': 137.66, 'sculpture': 95.2, 'acrobatics': 73.92,
    'cosplay': 154.25, 'dance': 96.74, 'drama': 62.27, 'movie': 40.78,
}  # fmt: skip
ANN = 'HumanArt/annotations/{}_humanart.json'


def paint(style: Style) -> np.ndarray:
    rng = np.random.default_rng(1)
    return paint_style(rng, sample_scene(rng, sample_spec(rng, style)), style)


def descriptions(style: Style, number: int = 150) -> list[str]:
    return [describe_style(np.random.default_rng(i), style) for i in range(number)]


def generate(out: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*GENERATE, '--out', out, *args], cwd=ROOT, capture_output=True, text=True
    )


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_style_is_sampled_and_painted_the_same_again() -> None:
    first, second = (sample_style(np.random.default_rng(3)) for _ in range(2))
    assert first == second != sample_style(np.random.default_rng(4))
    assert (paint(first) == paint(second)).all()
    assert (paint(STYLE) != paint(replace(STYLE, seed=6))).any()


@pytest.mark.parametrize('attribute', ATTRIBUTES)
def test_every_value_of_an_attribute_changes_the_image(attribute: str) -> None:
    images = [paint(style).astype(int) for style in (STYLE, *vary(STYLE, attribute))]
    assert len(images) == len(VALUES[attribute])
    for one, other in combinations(images, 2):
        assert one.shape != other.shape or np.abs(one - other).mean() > 0.4


@pytest.mark.parametrize('attribute', ATTRIBUTES)
def test_every_value_of_an_attribute_changes_the_descriptions(attribute: str) -> None:
    told = [set(descriptions(style)) for style in (STYLE, *vary(STYLE, attribute))]
    assert all(one - other and other - one for one, other in combinations(told, 2))


def test_a_style_is_described_in_many_wordings_of_plain_english() -> None:
    for style in SCENARIO_STYLES.values():
        texts = descriptions(style)
        assert len(set(texts)) > 130
        for text in texts:
            assert not {'bigheaded', 'chibi', 'longlimbed', 'none'} & {*text.split()}
            assert '_' not in text and '  ' not in text and len(text) < 250


def test_nothing_is_said_about_an_empty_attribute() -> None:
    open_palette = replace(STYLE, palette='')
    words = ' '.join(descriptions(open_palette))
    assert 'naturally colored' in ' '.join(descriptions(STYLE))
    assert 'naturally colored' not in words and 'natural colors' not in words


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    done = generate(one, *SMALL, '--workers=1')
    assert 'train: 2 styles, 4 images' in done.stdout
    assert 'val: 1 styles, 2 images' in done.stdout
    assert generate(two, *SMALL, '--workers=2').returncode == 0
    drawn = files(one)
    assert drawn == files(two)
    assert sum(name.endswith('.jpg') for name in drawn) == 6
    again = generate(one, *SMALL)
    assert 'up to date' in again.stdout and files(one) == drawn
    other = generate(one, *SMALL, '--seed=1')
    assert other.returncode == 2 and 'other settings' in other.stderr


def test_images_of_a_style_have_its_attributes_and_descriptions_of_their_own(
    tmp_path: Path,
) -> None:
    assert generate(tmp_path, *SMALL).returncode == 0
    for split, kinds in (('training', 2), ('validation', 1)):
        images = json.loads((tmp_path / ANN.format(split)).read_text())['images']
        styles = {image['category']: Style(**image['style']) for image in images}
        assert len(styles) == kinds and len(images) == 2 * kinds
        assert len({image['text_prompt'] for image in images}) == len(images)
        for image in images:
            assert Style(**image['style']) == styles[image['category']]
            folder = Path(image['file_name']).parts[:-1]
            name = image['category'].replace(' ', '_')
            assert folder == ('HumanArt', 'images', '2D_virtual_human', name)
        dataset = DATASETS.build(
            dict(
                type='HumanArtVLDataset',
                data_root=str(tmp_path),
                ann_file=ANN.format(split),
                pipeline=[],
            )
        )
        prompts = {image['id']: image['text_prompt'] for image in images}
        assert len(dataset) >= len(images)
        assert all(data['text_prompt'] == prompts[data['img_id']] for data in dataset)


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    refused = generate(tmp_path / 'out', '--images=0')
    assert refused.returncode == 2 and '--images is 0' in refused.stderr


def test_scenarios_are_told_by_their_own_or_another_description(
    mini_data: Path, tmp_path: Path
) -> None:
    ann_file = mini_data / ANN.format('validation')

    def texts(path: Path) -> dict[str, str | None]:
        images = json.loads(path.read_text())['images']
        return {image['category']: image.get('text_prompt') for image in images}

    right = texts(describe_scenarios(ann_file, tmp_path / 'right.json', seed=1))
    wrong = texts(misdescribe_scenarios(ann_file, tmp_path / 'wrong.json', seed=1))
    assert right == texts(describe_scenarios(ann_file, tmp_path / 'again.json', seed=1))
    assert right != texts(describe_scenarios(ann_file, tmp_path / 'other.json', seed=2))
    told = {name for name, text in right.items() if text}
    assert told == {name.replace('_', ' ') for name in SCENARIO_STYLES}
    assert all(wrong[name] != right[name] for name in told)


def test_the_named_scenarios_are_drawn_as_before() -> None:
    means = {}
    for name, scenario in SCENARIOS.items():
        rng = np.random.default_rng([0, scenario.code])
        means[name] = scenario.paint(rng, sample_scene(rng, scenario.spec)).mean()
    assert means == pytest.approx(MEANS, abs=0.02)
