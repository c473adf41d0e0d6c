"""Paths of the configs and other files that come with the package."""

import difflib
from pathlib import Path


def package_root() -> Path:
    """Return the folder with ``configs``, ``model-index.yml`` and ``projects``.

    Returns:
        Path: ``.mim`` of an installed wheel, else the checkout.
    """
    package = Path(__file__).resolve().parent
    configs = package / '.mim/configs'
    # An editable install has a link to the checkout there.
    return (
        configs.parent if configs.is_dir() and not configs.is_symlink() else package.parent
    )


def config_path(name: str) -> str:
    """Return the absolute path of a config of this package, for ``_base_``.

    MMEngine evaluates the expression assigned to ``_base_``, so this works in a config
    anywhere on disk, with a checkout and with an installed wheel:

    .. code-block:: python

        _base_ = __import__('vlpose_mm').config_path(
            'body_2d_keypoint/vlpose/humanart/NAME.py')

    Args:
        name (str): Path of the config, relative to ``configs``; or that of a model in the
            package, from ``projects/`` on.

    Returns:
        str: Absolute path of the config.

    Raises:
        FileNotFoundError: If there is no such config. The message lists the closest
            names, or all if none is close.
    """
    root = (package_root() / 'configs').resolve()
    folder = root.with_name('projects') if name.startswith('projects/') else root
    path = (folder / name.removeprefix('projects/')).resolve()
    if path.is_file() and path.is_relative_to(folder):
        return str(path)
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob('*.py'))
    matches = [n for n in names if Path(n).stem == Path(name).stem]
    matches += [n for n in difflib.get_close_matches(name, names) if n not in matches]
    listing = '\n  '.join(matches or names)
    title = 'Did you mean' if matches else 'Available are'
    raise FileNotFoundError(f'vlpose_mm has no config {name!r}. {title}:\n  {listing}')
