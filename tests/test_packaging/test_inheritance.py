"""Configs anywhere on disk that build on ours."""

from mmengine.config import Config

import vlpose_mm


def test_a_config_elsewhere_builds_on_ours_and_survives_being_dumped(
    user_config, config_name, tmp_path
) -> None:
    base = Config.fromfile(vlpose_mm.config_path(config_name))
    config = Config.fromfile(user_config)
    assert config.train_cfg.max_epochs == 7 != base.train_cfg.max_epochs
    assert config.model == base.model
    assert config.test_dataloader == base.test_dataloader
    config.dump(tmp_path / 'dumped.py')
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == config.to_dict()


def test_a_base_list_may_mix_our_configs_with_those_of_mmpose(
    config_name, tmp_path
) -> None:
    path = tmp_path / 'both.py'
    path.write_text(
        f"_base_ = [__import__('vlpose_mm').config_path('{config_name}'),\n"
        "    'mmpose::_base_/datasets/coco.py']\n"
    )
    config = Config.fromfile(path)
    assert config.model == Config.fromfile(vlpose_mm.config_path(config_name)).model
    assert config.dataset_info.dataset_name == 'coco'
