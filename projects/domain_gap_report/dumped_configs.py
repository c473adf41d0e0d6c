"""Read what a model was tested on from the configs that MMEngine dumps."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class DataSource(NamedTuple):
    """An annotation file, and the folder that ``file_name`` in it is relative to."""

    ann_file: Path
    image_root: Path | None


def read_data_sources(folder: Path) -> list[DataSource]:
    """Read the configs that MMPose's ``tools/`` dump in a work folder."""
    # A later run overwrites the first of these, but not the second.
    paths = [*sorted(folder.glob('*.py')), *sorted(folder.glob('*/vis_data/config.py'))]
    tested = []
    for cfg in map(read_dumped_config, paths):
        for split in ('test', 'val'):
            loader = cfg.get(f'{split}_dataloader') or {}
            roots = dict(_image_roots(loader.get('dataset')))
            for ann_file in _ann_files(cfg.get(f'{split}_evaluator')):
                tested.append(DataSource(ann_file, roots.get(ann_file)))
    return list(dict.fromkeys(tested))


def read_dumped_config(path: Path) -> dict[str, Any]:
    """Return the variables of a file that are plain values or dicts, executing nothing."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return {}
    values = {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                values[statement.targets[0].id] = _evaluate(statement.value)
            except ValueError:
                continue
    return values


def _evaluate(node: ast.expr) -> Any:
    """Evaluate plain values, lists and ``dict(...)``."""
    match node:
        case ast.Call(func=ast.Name(id='dict'), args=[]):
            return {keyword.arg: _evaluate(keyword.value) for keyword in node.keywords}
        case ast.Dict():
            keys = [None if key is None else _evaluate(key) for key in node.keys]
            return dict(zip(keys, map(_evaluate, node.values), strict=True))
        case ast.List() | ast.Tuple():
            return [_evaluate(item) for item in node.elts]
    return ast.literal_eval(node)


def _ann_files(evaluator: Any) -> Iterator[Path]:
    """Find the annotation files of evaluators and their metrics."""
    if isinstance(evaluator, list):
        for item in evaluator:
            yield from _ann_files(item)
    elif isinstance(evaluator, dict):
        if evaluator.get('ann_file'):
            yield Path(evaluator['ann_file'])
        yield from _ann_files(evaluator.get('metrics'))


def _image_roots(dataset: Any) -> Iterator[tuple[Path, Path]]:
    """Find annotation files and image folders of datasets, also of combined ones."""
    if isinstance(dataset, dict):
        for item in dataset.get('datasets') or []:
            yield from _image_roots(item)
        if dataset.get('ann_file'):
            root = Path(dataset.get('data_root') or '')
            images = (dataset.get('data_prefix') or {}).get('img') or ''
            yield root / dataset['ann_file'], root / images
