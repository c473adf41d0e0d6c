"""What the configs say that MMEngine leaves in a work folder."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Tested(NamedTuple):
    """What a model was tested on.

    Attributes:
        ann_file (Path): The annotation file.
        image_root (Path, optional): Where ``file_name`` starts.
    """

    ann_file: Path
    image_root: Path | None


def read_tested(folder: Path) -> list[Tested]:
    """Read the configs that ``tools/test.py`` and ``tools/train.py`` leave in a folder.

    Args:
        folder (Path): The work folder.

    Returns:
        list[Tested]: What the evaluators of its configs compare results with.

    Raises:
        OSError: If a file cannot be read.
    """
    # A later run of the same config overwrites the first, but not the second.
    paths = [*sorted(folder.glob('*.py')), *sorted(folder.glob('*/vis_data/config.py'))]
    tested = []
    for path in paths:
        cfg = dumped_config(path)
        for split in ('test', 'val'):
            loader = cfg.get(f'{split}_dataloader') or {}
            roots = dict(_image_roots(loader.get('dataset')))
            for ann_file in _ann_files(cfg.get(f'{split}_evaluator')):
                tested.append(Tested(ann_file, roots.get(ann_file)))
    return list(dict.fromkeys(tested))


def dumped_config(path: Path) -> dict[str, Any]:
    """Read a config that MMEngine dumped, without running it.

    Args:
        path (Path): The file. It may be any Python, such as a script that lies there.

    Returns:
        dict[str, Any]: The names that are given plain values or dicts of such.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        statements = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return {}
    values = {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                values[statement.targets[0].id] = _value(statement.value)
            except ValueError:
                continue
    return values


def _value(node: ast.expr) -> Any:
    """Evaluate what a dumped config is made of: plain values, lists and ``dict(...)``."""
    match node:
        case ast.Call(func=ast.Name(id='dict'), args=[]):
            return {word.arg: _value(word.value) for word in node.keywords}
        case ast.Dict():
            keys = [None if key is None else _value(key) for key in node.keys]
            return dict(zip(keys, map(_value, node.values), strict=True))
        case ast.List() | ast.Tuple():
            return [_value(item) for item in node.elts]
    return ast.literal_eval(node)


def _ann_files(evaluator: Any) -> Iterator[Path]:
    """Find the annotation files of an evaluator, of several, or of one with metrics."""
    if isinstance(evaluator, list):
        for one in evaluator:
            yield from _ann_files(one)
    elif isinstance(evaluator, dict):
        if evaluator.get('ann_file'):
            yield Path(evaluator['ann_file'])
        yield from _ann_files(evaluator.get('metrics'))


def _image_roots(dataset: Any) -> Iterator[tuple[Path, Path]]:
    """Find annotation files and image folders of a dataset, or of several joined."""
    if isinstance(dataset, dict):
        for one in dataset.get('datasets') or []:
            yield from _image_roots(one)
        if dataset.get('ann_file'):
            root = Path(dataset.get('data_root') or '')
            images = (dataset.get('data_prefix') or {}).get('img') or ''
            yield root / dataset['ann_file'], root / images
