"""Run MMPose's own commands and read what they leave behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from vlpose_mm.datasets.scenarios import REAL, SCENARIOS, scenario_name

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'projects/mini_humanart/configs'
BASE_WEIGHTS = ROOT / 'projects/mini_humanart/vitpose_mini_photos.pth'


def run(command: list[str]) -> None:
    """Run a command in the checkout; show its progress, and all of it if it fails.

    Args:
        command (list[str]): The command.

    Raises:
        SystemExit: If it fails.
    """
    shown = ' '.join([Path(command[0]).name, *command[1:]])
    print('$', shown.replace(f'{ROOT}/', ''), flush=True)
    last = deque(maxlen=40)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, PYTHONWARNINGS='ignore', PYTHONUNBUFFERED='1'),
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            last.append(line)
            if re.search(r'Epoch\(|WARNING(?!.*deprecated)|pictures', line):
                print('  ' + line.split(' - mmengine - INFO - ')[-1].strip(), flush=True)
    except BaseException:
        # Whoever interrupts this command means that one, too, and its loaders' workers.
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.wait():
        sys.exit(f'{"".join(last)}\nThe command above failed ({process.returncode}).')


def mmpose_tool(name: str, *args: str | Path) -> None:
    """Run one of MMPose's tools as its users do.

    Args:
        name (str): ``'train'`` or ``'test'``.
        *args (str | Path): Its arguments.
    """
    package = Path(find_spec('mmpose').submodule_search_locations[0])
    run([sys.executable, str(package / f'.mim/tools/{name}.py'), *map(str, args)])


def draw_data(out: Path, *args: str) -> None:
    """Draw a mini data set unless it is there.

    Args:
        out (Path): Folder to write.
        *args (str): Further arguments of ``generate.py``.
    """
    script = ROOT / 'projects/mini_humanart/generate.py'
    run([sys.executable, str(script), '--out', str(out), *args])


class Results:
    """Keypoints found on one annotation file, and their AP.

    Args:
        ann_file (Path): COCO-style annotation file.
        result_file (Path): COCO-style result file.
    """

    def __init__(self, ann_file: Path, result_file: Path) -> None:
        self.found = json.loads(result_file.read_text())
        self.sigmas = CocoDataset(lazy_init=True).metainfo['sigmas']
        with redirect_stdout(None):
            self.truth = COCO(str(ann_file))
            self.detected = self.truth.loadRes(self.found)

    def _evaluate(self, img_ids: Iterable[int] | None = None) -> COCOeval:
        """Match what was found with the truth, on some pictures or all."""
        evaluation = COCOeval(self.truth, self.detected, 'keypoints', self.sigmas)
        if img_ids is not None:
            evaluation.params.imgIds = list(img_ids)
        evaluation.evaluate()
        return evaluation

    def artificial(self) -> list[int]:
        """List the pictures of scenarios that are no photos.

        Returns:
            list[int]: Their image ids.
        """
        return [
            image['id']
            for image in self.truth.imgs.values()
            if SCENARIOS[scenario_name(image['category'])].group != REAL
        ]

    def ap(self, img_ids: Iterable[int] | None = None) -> float:
        """Average precision over some pictures.

        Args:
            img_ids (Iterable[int], optional): The pictures; all by default.

        Returns:
            float: AP over OKS 0.50 to 0.95, in [0, 1], to six digits.
        """
        with redirect_stdout(None):
            evaluation = self._evaluate(img_ids)
            evaluation.accumulate()
            evaluation.summarize()
        return round(float(evaluation.stats[0]), 6)

    def oks(self) -> dict[int, float]:
        """How well the people of each picture were found.

        Returns:
            dict[int, float]: By picture, the mean over its people of the best OKS that
            anything found there has with them, in [0, 1].
        """
        with redirect_stdout(None):
            ious = self._evaluate().ious
        return {
            img_id: float(np.mean(np.max(oks, axis=0))) if len(oks) else 0.0
            for (img_id, _), oks in ious.items()
        }
