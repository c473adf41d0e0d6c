"""Every example of the pages runs as printed, from a checkout and from a wheel."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

from tests.conftest import ROOT
from tests.test_apis.conftest import write_video
from tests.test_apis.detector_weights import write_weights
from tests.test_docs import pages
from vlpose_mm.apis.detectors import DETECTORS, find_detector
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.tools.checkpoint import main as checkpoint

PATTERNS = ('*.md', 'docs/*.md', 'configs/**/*.md', 'projects/*/*.md')
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for each in PATTERNS for path in ROOT.glob(each)
)
WITH_EXAMPLES = [page for page in PAGES if pages.read_blocks(ROOT / page)]
RUNTIME = 'projects/onnx_runtime/README.md'
ZOO_CONFIG = (
    'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-base_8xb64-210e_humanart-256x192'
)


@pytest.fixture(scope='session')
def names(
    small_config: Path,
    mini_data: Path,
    text_file: str,
    mmpose_tool: Callable,
    shared_folder: Callable,
) -> Path:
    """A folder with what the names on the pages stand for: small models and drawn data."""

    def fill(folder: Path) -> None:
        base = small_config.with_name('vitpose.pth')
        shutil.copy(base, folder)
        (folder / 'vlpose.py').write_text(
            f"_base_ = '{small_config}'\nmodel = dict(base_weights='{base}')\n"
        )
        shutil.copy(text_file, folder / 'text.pth')
        with DefaultScope.overwrite_default_scope('mmpose'):
            mmpose_tool('train', 'vlpose.py', '--no-validate', cwd=folder)
            whole = folder / 'whole.pth'
            shutil.copy(folder / 'work_dirs/vlpose/epoch_1.pth', whole)
            for name, route in (('vitpose', 'original'), ('vlpose', 'tuned')):
                results = f'work_dirs/{name}/humanart'
                options = (f'model.test_cfg.route={route}',)
                options += (f'test_evaluator.outfile_prefix={results}',)
                args = (whole, '--work-dir', f'work_dirs/{name}', '--cfg-options')
                mmpose_tool('test', 'vlpose.py', *args, *options, cwd=folder)
                shutil.copy(
                    folder / f'{results}.keypoints.json', folder / f'{name}.keypoints.json'
                )
        checkpoint(['extract', str(whole), str(folder / 'tuned.pth'), '--text', text_file])
        for name in ('oil', 'toon'):
            shutil.copy(folder / 'tuned.pth', folder / f'{name}.pth')

        (folder / 'data').mkdir()
        for name in ('HumanArt', 'coco'):
            (folder / 'data' / name).symlink_to(mini_data / name)
        (folder / 'data/mini').symlink_to(mini_data)
        art = mini_data / 'HumanArt/images/2D_virtual_human'
        shutil.copytree(art / 'mural', folder / 'images')
        shutil.copytree(mini_data / 'coco/val2017', folder / 'val2017')
        image = next((folder / 'images').iterdir())
        for name in ('image.jpg', 'scan.jpg'):
            shutil.copy(image, folder / name)
        write_video(folder / 'dance.mp4', [read_image(image)] * 2)
        annotations = mini_data / 'HumanArt/annotations/validation_humanart_sketch.json'
        content = json.loads(annotations.read_text())
        (folder / 'museum').mkdir()
        for each in content['images']:
            path = shutil.copy(mini_data / each['file_name'], folder / 'museum')
            each['file_name'] = Path(path).name
        (folder / 'annotations.json').write_text(json.dumps(content))
        # As CVAT exports a task.
        export = folder / 'data/custom'
        (export / 'images').mkdir(parents=True)
        (export / 'annotations').mkdir()
        annotations = mini_data / 'HumanArt/annotations/training_humanart.json'
        content = json.loads(annotations.read_text())
        for each in content['images']:
            name = each['file_name'].replace('/', '_')  # the last parts repeat
            shutil.copy(mini_data / each['file_name'], export / 'images' / name)
            each['file_name'] = name
        task = export / 'annotations/person_keypoints_default.json'
        task.write_text(json.dumps(content))
        (detections,) = (mini_data / 'coco/person_detection_results').iterdir()
        shutil.copy(detections, folder / 'detections.json')
        # Where downloads go.
        hub = folder / 'hub/checkpoints'
        hub.mkdir(parents=True)
        for name in ('yolox-m-humanart', 'yolox-s-humanart'):
            weights = write_weights(folder, name)
            Path(weights).rename(hub / Path(DETECTORS[name].weights).name)
        detector = write_weights(folder, 'rtmdet-nano')
        find_detector('rtmdet-nano', detector).cfg.dump(folder / 'rtmdet.py')
        Path(detector).rename(folder / 'rtmdet.pth')
        shutil.copy(ROOT / 'projects/onnx_runtime/vlpose_onnx.py', folder)

    return shared_folder('names', fill)


@pytest.mark.slow
@pytest.mark.parametrize('page', [page for page in WITH_EXAMPLES if page != RUNTIME])
def test_they_run_in_a_checkout(
    page: str, names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('TORCH_HOME', str(names))
    reader = pages.copy_names(names, tmp_path / 'reader')
    (reader / 'projects').symlink_to(ROOT / 'projects')
    # The pages name the paper's ViT-B, which would take days.
    shutil.copytree(ROOT / 'configs', reader / 'configs')
    shutil.copy(names / 'vlpose.py', reader / f'configs/{ZOO_CONFIG}.py')
    trained = reader / 'work_dirs' / Path(ZOO_CONFIG).name / 'epoch_210.pth'
    trained.parent.mkdir()
    shutil.copy(names / 'whole.pth', trained)
    # It runs what the page on ONNX has exported.
    for name in (page, RUNTIME) if page == 'docs/onnx.md' else (page,):
        examples = [block for block in pages.read_blocks(ROOT / name) if block.language]
        assert pages.run_page(ROOT / name, reader, checkout=True) == examples


@pytest.mark.slow
@pytest.mark.timeout(900)  # All pages in one process.
def test_they_run_with_an_installed_wheel(names: Path, site: Path, tmp_path: Path) -> None:
    (tmp_path / 'tests').symlink_to(ROOT / 'tests')
    found = [ROOT / page for page in WITH_EXAMPLES if not page.startswith('projects/')]
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'tests.test_docs.pages', names, *found],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(site), TORCH_HOME=str(names)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout.split()[0] == str(site / 'vlpose_mm/__init__.py')


@pytest.mark.parametrize('page', PAGES)
def test_every_example_is_in_a_fence_that_names_its_language(page: str) -> None:
    text = (ROOT / page).read_text(encoding='utf-8')
    outside = re.sub(r'^```.*?^```$', '', text, flags=re.M | re.S)
    assert re.findall(r'\n\n(    \S.*)', outside) == []


@pytest.mark.fast
def test_what_is_not_run_is_on_a_page(tmp_path: Path) -> None:
    (tmp_path / 'projects').symlink_to(ROOT / 'projects')
    sources = []
    for page in WITH_EXAMPLES:
        blocks = pages.read_blocks(ROOT / page)
        for commands in pages.read_commands(blocks, tmp_path).values():
            sources += [' '.join(command.argv) for command in commands]
        for block in blocks:
            if block.language == 'python':
                sources += [source for source, _ in pages.statements(block)]
            else:
                sources.append(block.text)
    used = {pages.reason(pages.NOT_RUN, source) for source in sources}
    used |= {pages.reason(pages.OTHER_OUTPUT, source) for source in sources}
    assert {*pages.NOT_RUN, *pages.OTHER_OUTPUT} - used == set()
