"""The config that a checkpoint holds, read without running it."""

import ast
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config


def stored_config(content: Mapping[str, Any], path: str) -> Config:
    """Read the config that MMEngine has written into a checkpoint.

    MMEngine itself would run it, and with it whatever somebody wrote there.

    Args:
        content (Mapping): What the checkpoint holds.
        path (str): The file, for errors.

    Returns:
        Config: The config.

    Raises:
        ValueError: If there is none, or it does more than to name values.
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
        return Config({target.id: value for (target,), value in named})
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f'The config in {path} is not one that MMEngine writes ({error}); give the '
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
