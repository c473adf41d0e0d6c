"""Trace the routes of a VLPose and join them to one ONNX graph."""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx_ir as ir
import torch
from onnxscript import optimizer
from torch import nn

from vlpose_mm.export.onnx_ops import TRANSLATIONS
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.models.utils.cache import freeze_caches

OPSET = 20
INPUTS = ('images', 'text_prompt')
# The input that chooses the route.
SWITCH = 'tuned'
OUTPUTS = ('heatmaps', 'scenario_log_probs')
# Constants of at most this size in bytes are computed at export.
FOLD_LIMIT = 1 << 26


def trace(route: OriginalRoute | TunedRoute, input_size: tuple[int, int]) -> ir.Model:
    """Write a route as a graph with a batch of any size.

    Args:
        route (OriginalRoute | TunedRoute): The route, in eval mode.
        input_size (tuple[int, int]): Width and height of crops in pixels.

    Returns:
        ir.Model: The graph; what depends on weights and text prompts alone is constant.
    """
    w, h = input_size
    example = torch.zeros(2, 3, h, w), torch.zeros(2, dtype=torch.long)
    # With a limit, as torch 2.6 does not trace a batch of the largest integer.
    batch = torch.export.Dim('batch', max=2**31 - 1)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of PyTorch's modules about each other
        outputs = route(*example)
        with freeze_caches(route), _unfrozen(route):
            program = torch.onnx.export(
                route,
                example,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=INPUTS,
                output_names=OUTPUTS[: len(outputs)],
                dynamic_shapes=({0: batch}, {0: batch}),
                custom_translation_table=TRANSLATIONS,
                optimize=False,  # below, with a higher limit
            )
        model = program.model
        optimizer.optimize(model, input_size_limit=FOLD_LIMIT, output_size_limit=FOLD_LIMIT)
    # The exporter's notes have paths of this machine.
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        values += node.outputs
    for value in values:
        value.metadata_props.clear()
    return model


@contextmanager
def _unfrozen(module: nn.Module) -> Iterator[None]:
    """Let all parameters require gradients in a ``with`` block.

    torch 2.6 cannot trace linear layers with frozen weights and a batch of any size.
    """
    frozen = [param for param in module.parameters() if not param.requires_grad]
    try:
        for param in frozen:
            param.requires_grad_(True)
        yield
    finally:
        for param in frozen:
            param.requires_grad_(False)


def join(original: ir.Model, tuned: ir.Model) -> ir.Model:
    """Join both routes, consuming them, to one graph whose input ``tuned`` chooses.

    Weights that both use are in it once.
    """
    inputs = [
        ir.val(v.name, v.dtype, ir.Shape(['batch', *v.shape[1:]]))
        for v in tuned.graph.inputs
    ]
    switch = ir.val(SWITCH, ir.DataType.BOOL, ir.Shape([]))
    weights: dict[tuple, ir.Value] = {}
    branches = {
        name: _branch(model.graph, name, inputs, weights)
        for name, model in (('else_branch', original), ('then_branch', tuned))
    }
    branch_outputs = branches['then_branch'].outputs
    choose = ir.node('If', [switch], branches, num_outputs=len(branch_outputs))
    for value, name, inner in zip(choose.outputs, OUTPUTS, branch_outputs, strict=False):
        value.name, value.dtype = name, inner.dtype
        value.shape = ir.Shape([None, *inner.shape[1:]])
    graph = ir.Graph(
        [*inputs, switch],
        choose.outputs,
        nodes=[choose],
        initializers=list(weights.values()),
        opset_imports=tuned.graph.opset_imports,
        name='vlpose',
    )
    return ir.Model(graph, ir_version=10, producer_name='vlpose_mm')


def _branch(
    graph: ir.Graph, name: str, inputs: list[ir.Value], weights: dict[tuple, ir.Value]
) -> ir.Graph:
    """Make a branch of a graph, which reads inputs and weights from outside."""
    for own, outer in zip(graph.inputs, inputs, strict=True):
        own.replace_all_uses_with(outer)
    for own in list(graph.initializers.values()):
        tensor = own.const_value
        key = tensor.dtype, tuple(tensor.shape), hashlib.sha256(tensor.tobytes()).digest()
        if key not in weights:
            weights[key] = ir.Value(
                # Both graphs have names such as val_7, for different values.
                name=f'{own.name}/{len(weights)}',
                shape=tensor.shape,
                type=ir.TensorType(tensor.dtype),
                const_value=tensor,
            )
        own.replace_all_uses_with(weights[key])
    outputs, nodes = list(graph.outputs), list(graph)
    graph.outputs.clear()
    graph.remove(nodes)
    for node in nodes:
        node.name = f'{name}/{node.name}'
        for value in node.outputs:
            value.name = f'{name}/{value.name}'
    return ir.Graph([], outputs, nodes=nodes, name=name)
