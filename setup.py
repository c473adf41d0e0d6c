"""What pyproject.toml cannot say: how ``.mim`` is made, in OpenMMLab's layout.

mim and MMPose's tools read the configs, the commands and the model index from
``vlpose_mm/.mim``. A wheel has copies of them, an editable install links to the
checkout.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
PACKAGE = 'vlpose_mm'
CLI = 'vlpose_mm_cli'

# Path in .mim -> path in the checkout.
MIM_ITEMS = {
    'configs': ROOT / 'configs',
    'tools': ROOT / PACKAGE / 'tools',
    # What `vlpose demo` and `--model real-small` need.
    'projects/mini_humanart/configs': ROOT / 'projects/mini_humanart/configs',
    'projects/mini_humanart/images': ROOT / 'projects/mini_humanart/images',
    'projects/real_small/configs': ROOT / 'projects/real_small/configs',
    **{
        name: ROOT / name
        for name in (
            'projects/mini_humanart/vitpose_mini_photos.pth',
            'projects/mini_humanart/vlpose_mini.pth',
            'projects/real_small/fcos_real_small.pth',
            'projects/real_small/vitpose_real_small.pth',
            'projects/real_small/vlpose_real_small.pth',
        )
    },
    'model-index.yml': ROOT / 'model-index.yml',
}


def copy_mim(target: Path) -> None:
    """Copy the items of ``.mim`` to the folder ``target``."""
    target.mkdir(parents=True)
    for name, source in MIM_ITEMS.items():
        if source.is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '__init__.py')
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def link_mim(target: Path) -> None:
    """Fill the folder ``target`` with relative links to the items of ``.mim``."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name, source in MIM_ITEMS.items():
        link = target / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(source, link.parent))


class BuildPy(build_py):
    """Put ``.mim`` into the build, not into the source tree."""

    def run(self) -> None:
        if self.editable_mode:
            return super().run()
        # A former build may have left files that no longer exist.
        package = Path(self.build_lib) / PACKAGE
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        copy_mim(package / '.mim')


class EditableWheel(editable_wheel):
    """Editable install with a ``.mim`` that mim and MMEngine find.

    Both look beside the metadata for the module in the first line of
    ``top_level.txt``. The metadata is in site-packages and the module in the
    checkout, so that line must be its full path.
    """

    def run(self) -> None:
        link_mim(ROOT / PACKAGE / '.mim')
        super().run()

    def _ensure_dist_info(self) -> None:
        super()._ensure_dist_info()
        names = Path(self.dist_info_dir, 'top_level.txt')
        names.write_text(f'{ROOT / PACKAGE}\n{PACKAGE}\n{CLI}\n', encoding='utf-8')


setup(cmdclass={'build_py': BuildPy, 'editable_wheel': EditableWheel})
