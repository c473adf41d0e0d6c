"""Files: checked before they are written, all or none."""

from collections.abc import Callable
from pathlib import Path

import onnx
import onnx.parser
import onnx_ir as ir
import pytest
import torch
from mmengine.config import Config
from torch import nn

from tests.new_style import with_classes
from tests.test_export.conftest import PROMPTS
from vlpose_mm.export import exporter
from vlpose_mm.export.check import crop_images, differences
from vlpose_mm.export.exporter import export_model
from vlpose_mm.models import RandomTextEncoder, ScenarioClassifier, VLPoseEstimator

Small = tuple[Config, VLPoseEstimator]


@pytest.mark.slow
def test_a_graph_that_is_off_is_refused_and_leaves_nothing(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(original: ir.Model, tuned: ir.Model) -> ir.Model:
        for value in tuned.graph.initializers.values():
            if value.name.endswith('tuned_final_layer.weight'):
                value.const_value = ir.tensor(1.01 * value.const_value.numpy())
        return join(original, tuned)

    join = exporter.join
    monkeypatch.setattr(exporter, 'join', spoil)
    out, text_prompts = tmp_path / 'model.onnx', tmp_path / 'text_prompts.txt'
    out.write_bytes(b'what was there')
    text_prompts.write_text('a mural of a person')
    with pytest.raises(ValueError, match="off by {'tuned': .*Nothing was written"):
        export_model(*small, str(out), str(text_prompts), smaller=['half'])
    assert out.read_bytes() == b'what was there'
    assert len([*tmp_path.iterdir()]) == 2


def test_a_config_of_classes_is_exported_as_one_of_names(
    small: Small, tmp_path: Path
) -> None:
    cfg, model = small
    classes = with_classes(cfg, ['model', 'test_dataloader'])
    written = []
    for name, each in (('names', cfg), ('classes', classes)):
        export_model(each, model, str(tmp_path / f'{name}.onnx'))
        written.append((tmp_path / f'{name}.onnx').read_bytes())
    assert classes.model.type is VLPoseEstimator
    assert written[0] == written[1]


def test_not_a_number_is_a_difference(vit: VLPoseEstimator, graph: ir.Model) -> None:
    content = ir.to_proto(graph).SerializeToString()
    found = differences(content, vit, PROMPTS)
    assert {*found} == {'original', 'tuned', 'scenarios'} and max(found.values()) < 1e-5
    for value in graph.graph.initializers.values():
        if 'pos_embed' in value.name:
            value.const_value = ir.tensor(float('nan') * value.const_value.numpy())
    found = differences(ir.to_proto(graph).SerializeToString(), vit, PROMPTS)
    assert not any(value <= 1e9 for value in found.values())


def test_a_graph_for_a_batch_of_one_size_is_refused(vit: VLPoseEstimator) -> None:
    graph = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["": 20]>
        vlpose (float[b, 3, 128, 96] images, int64[b] text_prompt, bool tuned)
        => (float[2, 3, 128, 96] heatmaps) {
            sizes = Constant<value_ints = [2, 3, 128, 96]>()
            heatmaps = Reshape(images, sizes)
        }"""
    )
    with pytest.raises(ValueError, match=r'not run on a batch of 1 \(.*Reshape.*update it'):
        differences(graph.SerializeToString(), vit, PROMPTS)


def test_images_are_cropped_as_in_testing(small: Small, mini_data: Path) -> None:
    cfg, model = small
    path = str(next((mini_data / 'HumanArt').rglob('*.jpg')))
    (crop,) = crop_images(cfg, model, [path])
    assert crop.shape == (3, 256, 192) and crop.dtype == torch.float32
    # What is outside of the image is black.
    preprocessor = model.data_preprocessor
    black = -preprocessor.mean / preprocessor.std
    torch.testing.assert_close(crop[:, 0, 0, None, None], black)


def fresh(model: VLPoseEstimator) -> None:
    model.text_encoder = RandomTextEncoder(embed_dims=384, fresh=True)


def unfitted(model: VLPoseEstimator) -> None:
    model.scenario_classifier = ScenarioClassifier()


def huge(model: VLPoseEstimator) -> None:
    model.ballast = nn.Parameter(torch.zeros(1, device='meta').expand(2**29))


@pytest.mark.parametrize(
    ('change', 'name', 'message'),
    [
        (fresh, 'model.onnx', 'text_encoder.fresh=False'),
        (unfitted, 'model.onnx', 'scenario classifier is not fitted'),
        (huge, 'model.onnx', 'one ONNX file holds 2.1 GB'),
        (nn.Module.eval, 'model.pth', 'name it .onnx'),
    ],
)
def test_what_no_graph_can_hold_is_refused(
    change: Callable, name: str, message: str, small: Small, tmp_path: Path
) -> None:
    change(small[1])
    with pytest.raises(ValueError, match=message):
        export_model(*small, str(tmp_path / name))
    assert not [*tmp_path.iterdir()]
