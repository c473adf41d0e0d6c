"""The config that a checkpoint holds, read without running it."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import mmengine.registry
import mmpose.registry
from mmengine.config import Config
from mmengine.registry import Registry

# Packages that MMEngine may import to fill its registries.
SCOPES = ('mmengine', 'mmpose')
# Keys of what MMEngine looks up in registries, or imports; MMPose runs ``from_file``.
REGISTERED_KEYS = ('type', 'collate_fn', 'dataset_type', 'from_file')
SCOPE_KEYS = ('default_scope', '_scope_')


def stored_config(content: Mapping[str, Any], path: str) -> Config:
    """Read the config that MMEngine has written into a checkpoint.

    MMEngine itself would run it as Python. Values can do harm as well: what is in no
    registry, such as ``type='os.system'``, MMEngine imports and calls when it builds the
    model. So only registered names are accepted.

    Args:
        content (Mapping): The content of the checkpoint.
        path (str): The file, for errors.

    Raises:
        ValueError: If there is none, it does more than assign values, or it names what is
            not registered.
    """
    hub = content.get('message_hub') or {}
    places = (hub.get('runtime_info') or {}, content.get('meta') or {})
    texts = [each['cfg'] for each in places if isinstance(each.get('cfg'), str)]
    if not texts:
        raise ValueError(
            f'{path} holds no config; give the config that it was trained with, and it as '
            'the weights.'
        )
    try:
        # Values that the config itself refers to are written out in full.
        values = dict(map(_assigned, ast.parse(texts[0]).body))
        for key, name in _looked_up(values):
            if name not in (SCOPES if key in SCOPE_KEYS else _registered()):
                raise ValueError(f'{key}={name!r} is not registered in MMPose or vlpose_mm')
        return Config(values)
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f'The config in {path} cannot be used ({error}); give the config that it was '
            'trained with, and it as the weights.'
        ) from error


def _assigned(statement: ast.stmt) -> tuple[str, Any]:
    """Evaluate a statement that assigns a value to a name."""
    if not isinstance(statement, ast.Assign):
        raise ValueError(f'line {statement.lineno} does not assign a value')
    (target,) = statement.targets
    return target.id, _value(statement.value)


def _value(node: ast.expr) -> Any:
    """Evaluate a literal, or a ``dict(...)`` of some."""
    if isinstance(node, ast.Call):
        named = all(keyword.arg for keyword in node.keywords) and not node.args
        if not named or not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            raise ValueError(f'line {node.lineno} calls {ast.unparse(node.func)}')
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        return {_value(k): _value(v) for k, v in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.List | ast.Tuple):
        values = [_value(each) for each in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    return ast.literal_eval(node)


def _looked_up(value: Any) -> Iterator[tuple[str, str]]:
    """Find the names that MMEngine looks up, and imports where it cannot find them."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in (*REGISTERED_KEYS, *SCOPE_KEYS) and isinstance(each, str):
                yield key, each
            yield from _looked_up(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _looked_up(each)


@cache
def _registered() -> frozenset[str]:
    """Return the names in the registries of MMEngine and MMPose, with vlpose_mm's."""
    names = set()
    for registry in (*vars(mmengine.registry).values(), *vars(mmpose.registry).values()):
        if isinstance(registry, Registry):
            registry.import_from_location()
            for name in registry.module_dict:
                names |= {name, f'{registry.scope}.{name}'}
    return frozenset(names)
