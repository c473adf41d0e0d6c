"""Versions of other packages, checked without importing them."""

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

# The first version that works and the first that does not, as in ``requirements/``.
BOUNDS = {
    'numpy': ('1.26', None),
    'torch': ('2.6', None),
    'transformers': ('4.40', None),
    # Earlier ones lack its errors.
    'huggingface_hub': ('0.25', None),
    # Earlier ones cannot be imported with torch 2.6 and transformers.
    'mmengine': ('0.10.6', None),
    # MMDetection refuses later ones.
    'mmcv': ('2.0.1', '2.2'),
    # MMPose's models import it. Earlier ones lack arguments of the inferencer.
    'mmdet': ('3.2', None),
    'mmpose': ('1.3', None),
    # Older versions answer requests for files less strictly.
    'gradio': ('6.31', '7'),
    # Earlier ones crash where nothing decodes a stream.
    'av': ('17.1', None),
    'oneeurofilter': ('0.2.1', None),
    'ray': ('2.60', None),
    # Later ones need NumPy 2, and do not say so to pip.
    'pyarrow': ('17', '26'),
}
OPTIONAL = ('gradio', 'av', 'oneeurofilter', 'ray', 'pyarrow')
# What an extra of ours brings.
EXTRAS = {'ray': 'ray', 'pyarrow': 'ray'}


class RequirementError(ImportError):
    """A package is missing, or its version is not supported."""


def check_requirements() -> None:
    """Check every package that is not optional.

    Raises:
        RequirementError: If a package is missing or not supported; it names the remedy.
    """
    for name in BOUNDS:
        if name not in OPTIONAL:
            check_requirement(name)


def check_requirement(name: str) -> None:
    """Check a package of :data:`BOUNDS`; see :func:`check_requirements`."""
    package, found = _find(name)
    low, high = BOUNDS[name]
    needed = f'vlpose_mm needs {name} {low} or later' + (f', before {high}' if high else '')
    if found is None:
        # What is on Python's path without being installed has no version.
        if find_spec(name) is None:
            raise RequirementError(
                f'{needed}, which is not installed; run: {_remedy(name)}'
            )
    elif _numbers(found) < _numbers(low) or (high and _numbers(found) >= _numbers(high)):
        raise RequirementError(f'{needed}, not {package} {found}; run: {_remedy(name)}')


def _find(name: str) -> tuple[str, str | None]:
    """Return the distribution that a package is from, and its version if installed."""
    for package in (name, 'mmcv-lite') if name == 'mmcv' else (name,):
        try:
            return package, version(package)
        except PackageNotFoundError:
            pass
    return package, None


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a release: ``(2, 6, 0)`` of 2.6.0+cpu."""
    release = re.match(r'\d+(?:\.\d+)*', text)
    return tuple(int(number) for number in release[0].split('.')) if release else ()


def _remedy(name: str) -> str:
    """Return the command that installs a supported version of a package."""
    if name in EXTRAS:
        return f'pip install "vlpose_mm[{EXTRAS[name]}]"'
    if not name.startswith('mm'):
        return f'pip install {_bounded(name)}'
    package, found = _find(name)
    if found is not None:
        tool = 'mim install' if package == 'mmcv' else 'pip install --no-deps'
        return f'{tool} {_bounded(name)}'
    # MMPose without its dependencies, of which pip cannot install one.
    missing = [n for n in BOUNDS if n.startswith('mm') and _find(n)[1] is None]
    packages = ' '.join(map(_bounded, missing))
    return f'pip install "vlpose_mm[mmpose]" && pip install --no-deps {packages}'


def _bounded(name: str) -> str:
    """Return the requirement as pip reads it, for a shell."""
    low, high = BOUNDS[name]
    return f'"{_find(name)[0]}>={low}{f",<{high}" if high else ""}"'
