"""Files: checked before they are written, all or none."""

from pathlib import Path

import onnx
import onnx_ir as ir
import pytest
import torch
from mmengine.config import Config
from torch import nn

from tests.test_export.conftest import PROMPTS
from vlpose_mm.export import exporter
from vlpose_mm.export.check import crop_images, differences
from vlpose_mm.export.exporter import export_model
from vlpose_mm.models import ScenarioClassifier, VLPoseEstimator

Small = tuple[Config, VLPoseEstimator]


@pytest.fixture
def text_prompts(tmp_path: Path) -> str:
    """A file of two text prompts."""
    path = tmp_path / 'text_prompts.txt'
    path.write_text('a mural of a person\na sketch of a person\n')
    return str(path)


@pytest.mark.slow
def test_writes_every_form_and_says_how_far_each_is_off(
    small: Small, text_prompts: str, mini_data: Path, tmp_path: Path
) -> None:
    images = sorted(map(str, (mini_data / 'HumanArt').rglob('*.jpg')))[:9]
    out = tmp_path / 'model.onnx'
    found = export_model(*small, str(out), text_prompts, images, ['half', 'int8'])
    assert found.text_prompts == ['a mural of a person', 'a sketch of a person']
    full, half, int8 = found.files
    assert [file.kind for file in found.files] == ['float32', 'half', 'int8']
    assert [Path(file.path).name for file in found.files] == [
        'model.onnx',
        'model_half.onnx',
        'model_int8.onnx',
    ]
    assert {path.name for path in tmp_path.iterdir()} == {
        'text_prompts.txt',
        *(Path(file.path).name for file in found.files),
    }
    assert max(full.differences.values()) < 1e-5
    assert 1e-5 < max(half.differences.values()) < 2e-2
    assert 1e-4 < max(int8.differences.values()) < 0.5
    assert half.num_bytes < 0.7 * full.num_bytes
    assert int8.num_bytes < full.num_bytes
    for file in found.files:
        assert Path(file.path).stat().st_size == file.num_bytes
        onnx.checker.check_model(file.path)


@pytest.mark.slow
def test_a_graph_that_is_off_is_refused_and_leaves_nothing(
    small: Small, text_prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, model = small

    def spoil(original: ir.Model, tuned: ir.Model) -> ir.Model:
        for value in tuned.graph.initializers.values():
            if value.name.endswith('tuned_final_layer.weight'):
                value.const_value = ir.tensor(1.01 * value.const_value.numpy())
        return join(original, tuned)

    join = exporter.join
    monkeypatch.setattr(exporter, 'join', spoil)
    out = tmp_path / 'model.onnx'
    out.write_bytes(b'what was there')
    with pytest.raises(ValueError, match="off by {'tuned': .*Nothing was written"):
        export_model(cfg, model, str(out), text_prompts, smaller=['half'])
    assert out.read_bytes() == b'what was there'
    assert len([*tmp_path.iterdir()]) == 2


def test_not_a_number_is_a_difference(vit: VLPoseEstimator, graph: ir.Model) -> None:
    content = ir.to_proto(graph).SerializeToString()
    assert max(differences(content, vit, PROMPTS).values()) < 1e-5
    for value in graph.graph.initializers.values():
        if 'pos_embed' in value.name:
            value.const_value = ir.tensor(float('nan') * value.const_value.numpy())
    found = differences(ir.to_proto(graph).SerializeToString(), vit, PROMPTS)
    assert not any(value <= 1e9 for value in found.values())


def test_images_are_cropped_as_in_testing(small: Small, mini_data: Path) -> None:
    cfg, model = small
    path = str(next((mini_data / 'HumanArt').rglob('*.jpg')))
    (crop,) = crop_images(cfg, model, [path])
    assert crop.shape == (3, 256, 192) and crop.dtype == torch.float32
    # What is outside of the image is black.
    std = model.data_preprocessor.std
    torch.testing.assert_close(
        crop[:, 0, 0, None, None], -model.data_preprocessor.mean / std
    )


def random_each_time(model: VLPoseEstimator) -> None:
    model.text_encoder = build_encoder(fresh=True)


def build_encoder(**settings: object) -> nn.Module:
    from vlpose_mm.models import RandomTextEncoder

    return RandomTextEncoder(embed_dims=384, **settings)


def unfitted(model: VLPoseEstimator) -> None:
    model.scenario_classifier = ScenarioClassifier()


def huge(model: VLPoseEstimator) -> None:
    model.ballast = nn.Parameter(torch.zeros(1, device='meta').expand(2**29))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (random_each_time, 'text_encoder.fresh=False'),
        (unfitted, 'scenario classifier is not fitted'),
        (huge, 'one ONNX file holds 2.1 GB'),
    ],
)
def test_what_no_graph_can_hold_is_refused(
    change, message: str, small: Small, tmp_path: Path
) -> None:
    cfg, model = small
    change(model)
    with pytest.raises(ValueError, match=message):
        export_model(cfg, model, str(tmp_path / 'model.onnx'))
    assert not [*tmp_path.iterdir()]


def test_the_file_has_to_be_called_onnx(small: Small, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='name it .onnx'):
        export_model(*small, str(tmp_path / 'model.pth'))
