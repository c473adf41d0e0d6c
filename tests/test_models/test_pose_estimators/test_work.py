"""The work of a model, counted instead of timed.

These tests fail when a change makes the model compute, launch, wait or encode more.
"""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from packaging.version import Version
from torch import Tensor
from torch._dynamo import explain
from torch.utils._python_dispatch import TorchDispatchMode

from tests.test_models.estimators import TEXT_PROMPTS
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.analysis.flops import count_flops
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.models.backbones.transformer_layer import PrefixAttention
from vlpose_mm.models.text_encoders.base import TextFeatures

# Of the small estimator.
N, C, HIDDEN, LAYERS, PROMPTS, RANK = 8 * 6, 32, 64, 3, 3, 2
DECONV, KEYPOINTS, TEXT_DIMS = 16, 17, 384
PATCHES = N * 3 * 16**2 * C
QKV, PROJ, FFN = N * C * 3 * C, N * C * C, 2 * N * C * HIDDEN
BLOCKS = N * C * 16 * DECONV + 4 * N * DECONV * 16 * DECONV
FINAL = 16 * N * DECONV * KEYPOINTS
PREFIX = PROMPTS * C * 2 * C
UPDATES = LAYERS * N * RANK * ((C + 3 * C) + (C + C) + (C + HIDDEN) + (HIDDEN + C))
B = 6
Batch = tuple[Tensor, list[PoseDataSample]]
traces_it_all = pytest.mark.skipif(
    Version(torch.__version__) < Version('2.11'),
    reason='Before torch 2.11, torch.compile breaks at more places.',
)


def attention(keys: int) -> int:
    """One of the two products of an attention with as many keys."""
    return N * keys * C


def vit(prompts: int = 0) -> int:
    """Of one image."""
    return PATCHES + LAYERS * (QKV + PROJ + FFN + 2 * attention(N + prompts))


def text(num_tokens: int) -> int:
    """Of keys and values of text tokens, padding included."""
    return num_tokens * (TEXT_DIMS * C + 2 * C * C)


def matcher(num_tokens: int) -> int:
    """Of one image with as many text tokens."""
    return 4 * N * C * C + 2 * attention(N + num_tokens)


@pytest.fixture
def batch(make_batch: Callable) -> Batch:
    """Six images, two of each text prompt."""
    return make_batch(*TEXT_PROMPTS * 2)


@pytest.fixture
def model(vlpose_cfg: dict) -> VLPoseEstimator:
    """The small estimator."""
    return MODELS.build(vlpose_cfg).eval()


@pytest.fixture
def paper_cfg(vlpose_cfg: dict) -> dict:
    """The small estimator without low-rank updates."""
    vlpose_cfg['backbone']['lora'] = None
    return vlpose_cfg


def num_tokens(model: VLPoseEstimator, text_prompts: list[str]) -> int:
    """Of the longest of these text prompts."""
    return model.text_encoder(text_prompts).last_hidden_state.shape[1]


class Operations(TorchDispatchMode):
    """Counts the operations on the device, without views of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # A view that does not pass for one; linear layers take it in torch 2.15.
        is_view = func.is_view or func is torch.ops.aten._unsafe_view.default
        if not is_view:
            self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operations(call: Callable[[], object]) -> Counter[str]:
    """Count the operations of a call after a first one, which may fill caches."""
    call()
    with Operations() as operations:
        call()
    return operations.counts


@torch.no_grad()
def test_the_original_route_computes_what_the_base_does(
    model: VLPoseEstimator, vlpose_cfg: dict, batch: Batch
) -> None:
    base = MODELS.build(base_config(vlpose_cfg)).eval()
    model.set_route('original')
    flops = count_flops(lambda: model(*batch))
    assert flops == count_flops(lambda: base(*batch)) == B * (vit() + BLOCKS + FINAL)
    assert operations(lambda: model(*batch)) == operations(lambda: base(*batch))


@torch.no_grad()
def test_the_tuned_route_computes_neither_prompts_nor_the_same_text_again(
    paper_cfg: dict, batch: Batch
) -> None:
    model = MODELS.build(paper_cfg).eval()
    L = num_tokens(model, TEXT_PROMPTS)
    flops = B * (vit(PROMPTS) + matcher(L) + 2 * BLOCKS + FINAL)
    first = LAYERS * PREFIX + text(len(TEXT_PROMPTS) * L)
    assert count_flops(lambda: model(*batch)) == flops + first
    assert count_flops(lambda: model(*batch)) == flops
    assert count_flops(lambda: model(*batch, mode='predict')) == 2 * flops


@torch.no_grad()
def test_merged_updates_cost_nothing_and_the_tuned_route_launches_few_operations_more(
    model: VLPoseEstimator, batch: Batch, make_batch: Callable
) -> None:
    L = num_tokens(model, TEXT_PROMPTS)
    mixed = B * (vit(PROMPTS) + UPDATES + matcher(L) + 2 * BLOCKS + FINAL)
    # The scales of the updates are cached as well.
    model(*batch)
    assert count_flops(lambda: model(*batch)) == mixed

    batch = make_batch(*TEXT_PROMPTS[:1] * B)
    model.merge_adapter(TEXT_PROMPTS[0])
    tuned = operations(lambda: model(*batch)).total()
    L = num_tokens(model, TEXT_PROMPTS[:1])
    one = B * (vit(PROMPTS) + matcher(L) + 2 * BLOCKS + FINAL)
    assert count_flops(lambda: model(*batch)) == one
    model.set_route('original')
    # Every layer puts a prefix before its keys and values, the matcher takes 8, the second
    # branch 12.
    assert tuned - operations(lambda: model(*batch)).total() <= LAYERS + 20


@torch.no_grad()
def test_in_bf16_the_routes_launch_hardly_more_operations_than_the_base(
    model: VLPoseEstimator, vlpose_cfg: dict, batch: Batch, make_batch: Callable
) -> None:
    base = MODELS.build(base_config(vlpose_cfg)).eval()
    one = make_batch(*TEXT_PROMPTS[:1] * B)

    def count(model: torch.nn.Module, batch: Batch) -> int:
        # Autocast caches weights itself, until it ends.
        run = torch.autocast('cpu', torch.bfloat16)(lambda: model(*batch))
        return operations(run).total()

    updated = count(model, batch)
    with torch.autocast('cpu', torch.bfloat16):
        model.merge_adapter(TEXT_PROMPTS[0])
    merged = count(model, one)
    model.set_route('original')
    original = count(model, one)
    # It converts no weight or bias of the linear layers, and the heatmaps.
    assert count(base, one) - original == LAYERS * 4 * 2 - 1
    # A layer joins prefixes to its keys and values, the matcher takes 11 and the second
    # branch 15.
    assert merged - original <= LAYERS + 26
    # The scales are picked and converted, and the text prompts are padded.
    assert updated - merged <= LAYERS * 4 * 2 + 10


@pytest.mark.parametrize('start', [0, 1, 2])
def test_tuning_computes_only_gradients_that_are_needed(
    start: int, paper_cfg: dict, batch: Batch
) -> None:
    paper_cfg['backbone']['visual_prompt']['start_layer'] = start
    model = MODELS.build(paper_cfg).train()
    L = num_tokens(model, TEXT_PROMPTS)
    reading = LAYERS - start
    forward = PATCHES + LAYERS * (QKV + PROJ + FFN + 2 * attention(N))
    forward += reading * 2 * attention(PROMPTS) + matcher(L) + 2 * BLOCKS + FINAL
    # After the first layer with prompts; of that, nothing before its attention, as its
    # queries do not depend on them either.
    backward = reading * (PROJ + FFN + 4 * attention(N + PROMPTS))
    backward += (reading - 1) * QKV - attention(N + PROMPTS)
    # Both with their weights, except for the original branch.
    backward += 2 * (4 * N * C * C) + 4 * attention(N + L) + 3 * BLOCKS + 2 * FINAL
    per_step = 2 * reading * PREFIX + text(3 * L) + 2 * text(3 * L)
    # There is no gradient of the text itself.
    per_step -= 3 * L * TEXT_DIMS * C

    flops = count_flops(lambda: model.loss(*batch)['loss_kpt'].backward())
    assert flops == B * (forward + backward) + per_step


def test_attention_keeps_keys_and_values_once_for_the_gradient() -> None:
    attention = PrefixAttention(C, num_heads=4).requires_grad_(False)
    x, prefix = torch.randn(B, N, C, requires_grad=True), torch.randn(2, 4, PROMPTS, C // 4)
    weights = {param.data_ptr() for param in attention.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = attention(x, prefix)
    # Queries, keys and values with prompts, what is attended to, and a sum for each head.
    assert sum(kept.values()) <= 4 * B * (2 * N * C + 2 * (N + PROMPTS) * C + 4 * N) + 64
    assert y.requires_grad


def test_text_prompts_are_encoded_once(
    paper_cfg: dict, minilm: str, make_batch: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = MODELS.build(paper_cfg)
    encoded, encode = [], model.text_encoder.encode
    monkeypatch.setattr(
        model.text_encoder, 'encode', lambda texts: encoded.extend(texts) or encode(texts)
    )
    for text_prompts in (TEXT_PROMPTS[:2], TEXT_PROMPTS, TEXT_PROMPTS[::-1]):
        batch = make_batch(*text_prompts)
        model.train().loss(*batch)['loss_kpt'].backward()
        with torch.no_grad():
            model.eval()(*batch, mode='predict')
            with model.disable_adapter():
                model(*batch, mode='predict')
    assert sorted(encoded) == sorted(TEXT_PROMPTS)


def test_a_step_reads_nothing_back_from_the_device(
    model: VLPoseEstimator, batch: Batch
) -> None:
    step = operations(lambda: model.train().loss(*batch)['loss_kpt'].backward())
    # Values that Python reads, and shapes that depend on values.
    waits = {'_local_scalar_dense', 'equal', 'nonzero', 'masked_select', 'is_nonzero'}
    assert not waits & step.keys()


@traces_it_all
def test_training_and_the_original_route_compile_into_one_graph_each(
    model: VLPoseEstimator, batch: Batch
) -> None:
    inputs, samples = batch
    text_feats = model.text_encoder([s.text_prompt for s in samples])

    def tuned(inputs: Tensor, *text_feats: Tensor) -> Tensor:
        return model.head(model.extract_tuned_feat(inputs, TextFeatures(*text_feats)))

    def original(inputs: Tensor) -> Tensor:
        return model.head(model.backbone(inputs, tuned=False))

    for run, args in ((tuned, (inputs, *text_feats)), (original, (inputs,))):
        torch.compiler.reset()
        with torch.set_grad_enabled(run is tuned):
            model.train(run is tuned)
            found = explain(run)(*args)
        counts = found.graph_count, found.graph_break_count
        assert counts == (1, 0), found.break_reasons


@traces_it_all
@torch.no_grad()
def test_a_compiled_model_breaks_only_where_text_prompts_are_looked_up(
    model: VLPoseEstimator, batch: Batch
) -> None:
    model(*batch)
    torch.compiler.reset()
    assert explain(lambda: model(*batch))().graph_break_count == 1


@traces_it_all
def test_steps_and_batches_after_the_first_compile_nothing(
    model: VLPoseEstimator, batch: Batch, make_batch: Callable
) -> None:
    graphs = []
    torch.compiler.reset()
    model.compile(backend=lambda graph, _: graphs.append(graph) or graph.forward)
    other = batch[0], make_batch(*TEXT_PROMPTS[::-1] * 2)[1]
    for mode in ('loss', 'tensor'):
        model.train(mode == 'loss')
        counts = []
        with torch.set_grad_enabled(mode == 'loss'), torch.autocast('cpu', torch.bfloat16):
            for one in (batch, batch, other, batch):
                model(*one, mode=mode)
                counts.append(len(graphs))
        assert len(set(counts)) == 1, (mode, counts)


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_model_computes_the_same(model: VLPoseEstimator, batch: Batch) -> None:
    want = model(*batch)
    torch.compiler.reset()
    # Without generating code, which is slow.
    model.compile(backend='aot_eager')
    torch.testing.assert_close(model(*batch), want)
