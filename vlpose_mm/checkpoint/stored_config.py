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
# Of what it builds, and looks up otherwise.
NAMES = ('type', 'collate_fn', 'dataset_type', 'from_file')


def stored_config(content: Mapping[str, Any], path: str) -> Config:
    """Read the config that MMEngine has written into a checkpoint.

    MMEngine itself would run it, and with it whatever somebody wrote there. Values can do
    harm as well: what no registry has it imports and calls, such as ``type='os.system'``,
    when it builds the model. So only what is registered may be named.

    Args:
        content (Mapping): What the checkpoint holds.
        path (str): The file, for errors.

    Returns:
        Config: The config.

    Raises:
        ValueError: If there is none, it does more than to name values, or it names what
            is not registered.
    """
    hub = content.get('message_hub') or {}
    told = (hub.get('runtime_info') or {}, content.get('meta') or {})
    texts = [each['cfg'] for each in told if isinstance(each.get('cfg'), str)]
    if not texts:
        raise ValueError(
            f'{path} holds no config; give the config that it was trained with, and it as '
            'the weights.'
        )
    try:
        body = ast.parse(texts[0]).body
        # Values that the config itself refers to are written out in full.
        named = [(each.targets, _value(each.value)) for each in body if _is_named(each)]
        values = {target.id: value for (target,), value in named}
        for key, name in _names(values):
            if name not in (SCOPES if key.endswith(('scope', 'scope_')) else _registered()):
                raise ValueError(f"{key}={name!r} is none of MMPose's or vlpose_mm's own")
        return Config(values)
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f'The config in {path} cannot be used ({error}); give the '
            'config that it was trained with, and it as the weights.'
        ) from error


def _is_named(statement: ast.stmt) -> bool:
    """Whether a statement gives a value a name; no other does anything here."""
    if not isinstance(statement, ast.Assign):
        raise ValueError(f'line {statement.lineno} is no value')
    return True


def _value(node: ast.expr) -> Any:
    """Work out a value: a literal, or a ``dict(...)`` of some."""
    if isinstance(node, ast.Call):
        named = all(keyword.arg for keyword in node.keywords) and not node.args
        if not named or not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            raise ValueError(f'line {node.lineno} calls {ast.unparse(node.func)}')
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        return {_value(k): _value(v) for k, v in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.List):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(each) for each in node.elts)
    return ast.literal_eval(node)


def _names(value: Any) -> Iterator[tuple[str, str]]:
    """Find what MMEngine looks up, and imports where it cannot find it."""
    if isinstance(value, dict):
        for key, each in value.items():
            # MMPose runs the file of the latter.
            looked_up = key in NAMES or key in ('default_scope', '_scope_')
            if looked_up and isinstance(each, str):
                yield key, each
            yield from _names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _names(each)


@cache
def _registered() -> frozenset[str]:
    """Names in the registries of MMEngine and MMPose, where vlpose_mm's are as well."""
    held = [*vars(mmengine.registry).values(), *vars(mmpose.registry).values()]
    names = set()
    for registry in held:
        if isinstance(registry, Registry):
            registry.import_from_location()
            for name in registry.module_dict:
                names |= {name, f'{registry.scope}.{name}'}
    return frozenset(names)
