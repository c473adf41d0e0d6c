"""Where the package keeps its configs and its small model."""

import difflib
from pathlib import Path


def package_root() -> Path:
    """Folder of what comes with the package: an installed wheel's own, else the checkout.

    Returns:
        Path: Where ``configs``, ``model-index.yml`` and ``projects`` are.
    """
    package = Path(__file__).resolve().parent
    configs = package / '.mim/configs'
    # An editable install links it into the checkout.
    return (
        configs.parent if configs.is_dir() and not configs.is_symlink() else package.parent
    )


def config_path(name: str) -> str:
    """Absolute path of a config that comes with the package.

    MMEngine evaluates the expression assigned to ``_base_``, so a config
    anywhere on disk can build on one of ours, and the same line works from a
    checkout and from an installed wheel:

    .. code-block:: python

        _base_ = __import__('vlpose_mm').config_path(
            'body_2d_keypoint/vlpose/humanart/NAME.py')

    Args:
        name (str): Path of the config below ``configs``.

    Returns:
        str: Absolute path of the config.

    Raises:
        FileNotFoundError: If no config has this name. The message lists the
            closest names, or all of them where none is close.
    """
    root = (package_root() / 'configs').resolve()
    path = (root / name).resolve()
    if path.is_file() and path.is_relative_to(root):
        return str(path)
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob('*.py'))
    matches = [n for n in names if Path(n).stem == Path(name).stem]
    matches += [n for n in difflib.get_close_matches(name, names) if n not in matches]
    listing = '\n  '.join(matches or names)
    title = 'Did you mean' if matches else 'Available are'
    raise FileNotFoundError(f'vlpose_mm has no config {name!r}. {title}:\n  {listing}')
