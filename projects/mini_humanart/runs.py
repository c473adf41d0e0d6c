"""Run MMPose's own commands and read what they leave behind."""

import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from vlpose_mm.evaluation import evaluate_file

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'projects/mini_humanart/configs'
BASE_WEIGHTS = ROOT / 'projects/mini_humanart/vitpose_mini_photos.pth'


def run(command: list[str]) -> None:
    """Run a command in the checkout; show its progress, and all of it if it fails."""
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
            if re.search(r'Epoch\(|WARNING(?!.*deprecated)|images', line):
                print('  ' + line.split(' - mmengine - INFO - ')[-1].strip(), flush=True)
    except BaseException:
        # An interrupt ends the command and the workers of its loaders, too.
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.wait():
        sys.exit(f'{"".join(last)}\nThe command above failed ({process.returncode}).')


def mmpose_tool(name: str, *args: str | Path) -> None:
    """Run MMPose's ``train`` or ``test`` tool as its users do."""
    package = Path(find_spec('mmpose').submodule_search_locations[0])
    run([sys.executable, str(package / f'.mim/tools/{name}.py'), *map(str, args)])


def draw_data(out: Path, *args: str, command: str = 'generate') -> None:
    """Draw a mini data set unless it is there; ``args`` are those of the command."""
    module = f'projects.mini_humanart.{command}'
    run([sys.executable, '-m', module, '--out', str(out), *args])


class Results:
    """Keypoints found on one COCO-style annotation file, and their AP."""

    def __init__(self, ann_file: Path, result_file: Path) -> None:
        self.evaluation = evaluate_file(ann_file, result_file)
        self.truth = self.evaluation.coco_gt
        self.detected = self.evaluation.coco_dt

    @property
    def found(self) -> list[dict]:
        """What was found, in COCO's format."""
        return self.detected.dataset['annotations']

    def ap(self, part: str | Iterable[int] = 'all') -> float:
        """AP over OKS 0.50 to 0.95 of some images, in [0, 1], to six digits."""
        return round(self.evaluation.scores(part).AP, 6)

    def oks(self) -> dict[int, float]:
        """OKS of each image; see :meth:`ScenarioEvaluation.image_oks`."""
        return self.evaluation.image_oks()
