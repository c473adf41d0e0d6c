"""A model that was on the device exports, and ONNX Runtime computes the same."""

from pathlib import Path

from mmengine.config import Config

from projects.benchmark.model_pair import ModelPair
from vlpose_mm.export.exporter import export_model


def test_export_agrees_with_pytorch(config: Path, pair: ModelPair, tmp_path: Path) -> None:
    path = tmp_path / 'model.onnx'
    # Raises where ONNX Runtime's CPU provider finds something else.
    exported = export_model(Config.fromfile(config), pair.vlpose.to('cpu'), str(path))
    assert path.stat().st_size == exported.files[0].num_bytes
    assert {'original', 'tuned'} <= set(exported.files[0].differences)
