"""Build what is released, install it where nothing else is, and use it.

Run by ``make release-check``; takes some minutes.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
DIST, REQUIREMENTS = ROOT / 'dist', ROOT / 'requirements'
# An epoch on the poses that the demo has found.
CONFIG = """
project = str(__import__('vlpose_mm').paths.package_root() / 'projects/mini_humanart')
_base_ = str(__import__('vlpose_mm').paths.package_root()
             / 'projects/mini_humanart/configs/vlpose_mini_humanart.py')
load_from = f'{project}/vitpose_mini_photos.pth'
model = dict(base_weights=load_from)
dataset = dict(data_root='', ann_file='vlpose_demo/annotations.json',
               data_prefix=dict(img=f'{project}/images/'))
train_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False,
                        dataset=dataset)
train_cfg = dict(max_epochs=1)
val_dataloader = val_cfg = val_evaluator = None
default_hooks = dict(checkpoint=dict(interval=1))
"""


def main() -> None:
    """Run the command."""
    shutil.rmtree(DIST, ignore_errors=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        python = new_environment(folder / 'tools')
        run(*pip_install(python), '-r', REQUIREMENTS / 'release.txt', cwd=folder)
        run(python, '-m', 'build', '--no-isolation', '--outdir', DIST, ROOT, cwd=folder)
        files = sorted(DIST.iterdir())
        run(python, '-m', 'twine', 'check', '--strict', *files, cwd=folder)
        (wheel,) = DIST.glob('*.whl')

        python = new_environment(folder / 'user')
        install = pip_install(python)
        run(*install, f'{wheel}[mmpose]', cwd=folder)
        run(*install, '--no-deps', '-r', REQUIREMENTS / 'no_deps.txt', cwd=folder)
        run(python.with_name('vlpose'), 'demo', cwd=folder)
        (folder / 'release.py').write_text(CONFIG)
        run(python, '-m', 'mim', 'train', 'mmpose', 'release.py', cwd=folder)
        if not (folder / 'work_dirs/release/epoch_1.pth').exists():
            sys.exit('The training wrote no checkpoint.')
    print(f'{" and ".join(each.name for each in files)} can be released.')


def new_environment(folder: Path) -> Path:
    """Make an empty environment, and return its Python."""
    venv.create(folder, with_pip=True)
    return folder / ('Scripts' if sys.platform == 'win32' else 'bin') / 'python'


def pip_install(python: Path) -> tuple[object, ...]:
    """The command that installs tested versions."""
    pins = f'constraints-numpy{1 if sys.version_info < (3, 13) else 2}.txt'
    options = '--quiet', '--disable-pip-version-check', '--constraint', REQUIREMENTS / pins
    return (python, '-m', 'pip', 'install', *options)


def run(*command: object, cwd: Path) -> None:
    """Run a command as somebody does who has installed the wheel alone."""
    print('$', *command, flush=True)
    subprocess.run([*map(str, command)], cwd=cwd, check=True)


if __name__ == '__main__':
    main()
