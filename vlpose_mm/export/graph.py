"""Trace the routes of a VLPose and join them to one ONNX graph."""

import hashlib
import warnings

import onnx_ir as ir
import torch
from onnxscript import optimizer

from vlpose_mm.export.onnx_ops import TRANSLATIONS
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.models.utils.cache import freeze_caches

OPSET = 20
INPUTS = ('images', 'text_prompt')
#: What chooses the route.
SWITCH = 'tuned'
OUTPUTS = ('heatmaps', 'scenario_log_probs')
#: Constants are computed at export as long as they are no larger than this, in bytes.
FOLD_UP_TO = 1 << 26


def trace(route: OriginalRoute | TunedRoute, input_size: tuple[int, int]) -> ir.Model:
    """Write a route as a graph with a batch of any size.

    Args:
        route (OriginalRoute | TunedRoute): The route, in eval mode.
        input_size (tuple[int, int]): Width and height of crops in pixels.

    Returns:
        ir.Model: The graph; what follows from weights and text prompts alone is constant.
    """
    w, h = input_size
    example = torch.zeros(2, 3, h, w), torch.zeros(2, dtype=torch.long)
    batch = torch.export.Dim('batch')
    with torch.no_grad(), warnings.catch_warnings():
        # What PyTorch's modules say of each other.
        warnings.simplefilter('ignore')
        outputs = route(*example)
        with freeze_caches(route):
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
                # Below, once and with more to fold.
                optimize=False,
            )
        model = program.model
        optimizer.optimize(model, input_size_limit=FOLD_UP_TO, output_size_limit=FOLD_UP_TO)
    _forget_origin(model.graph)
    return model


def join(original: ir.Model, tuned: ir.Model) -> ir.Model:
    """Join both routes to one graph whose input ``tuned`` chooses between them.

    Args:
        original (ir.Model): The original route, see :func:`trace`; used up.
        tuned (ir.Model): The tuned one; used up.

    Returns:
        ir.Model: The graph; weights that both use are in it once.
    """
    inputs = [ir.val(v.name, v.dtype, v.shape) for v in tuned.graph.inputs]
    switch = ir.val(SWITCH, ir.DataType.BOOL, ir.Shape([]))
    weights: dict[tuple, ir.Value] = {}
    branches = {
        name: _branch(model.graph, name, inputs, weights)
        for name, model in (('else_branch', original), ('then_branch', tuned))
    }
    made = branches['then_branch'].outputs
    choose = ir.node('If', [switch], branches, num_outputs=len(made))
    for value, name, one in zip(choose.outputs, OUTPUTS, made, strict=False):
        value.name = name
        value.dtype = one.dtype
        value.shape = ir.Shape([None, *one.shape[1:]])
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
    """Make a branch of a graph: what it reads comes from outside."""
    for own, given in zip(graph.inputs, inputs, strict=True):
        own.replace_all_uses_with(given)
    for own in list(graph.initializers.values()):
        tensor = own.const_value
        key = tensor.dtype, tuple(tensor.shape), hashlib.sha256(tensor.tobytes()).digest()
        if key not in weights:
            # Both graphs have names such as val_7, and mean something else.
            weights[key] = ir.Value(
                name=f'{own.name}/{len(weights)}',
                shape=tensor.shape,
                type=ir.TensorType(tensor.dtype),
                const_value=tensor,
            )
        own.replace_all_uses_with(weights[key])
    outputs = list(graph.outputs)
    nodes = list(graph)
    graph.outputs.clear()
    graph.remove(nodes)
    for node in nodes:
        node.name = f'{name}/{node.name}'
        for value in node.outputs:
            value.name = f'{name}/{value.name}'
    return ir.Graph([], outputs, nodes=nodes, name=name)


def _forget_origin(graph: ir.Graph) -> None:
    """Drop the exporter's notes, with paths of this machine among them."""
    values = [*graph.inputs, *graph.initializers.values()]
    for node in graph.all_nodes():
        node.metadata_props.clear()
        values += node.outputs
    for value in values:
        value.metadata_props.clear()
