"""mim, OpenMMLab's package manager, with the installed wheel."""

import json

import vlpose_mm


def test_mim_lists_the_package_and_shows_its_models(command, site, tmp_path) -> None:
    rows = [line.split() for line in command('-m', 'mim', 'list', path=site).splitlines()]
    # mim spells every package with dashes.
    assert ['vlpose-mm', vlpose_mm.__version__] in [row[:2] for row in rows]
    found = tmp_path / 'found.json'
    command('-m', 'mim', 'search', 'vlpose_mm', '--json', found, path=site)
    configs = json.loads(found.read_text())['config'].values()
    assert configs
    assert all((site / 'vlpose_mm/.mim' / config).is_file() for config in configs)


def test_mim_downloads_a_config_and_its_base_weights(command, site, tmp_path) -> None:
    name = 'td-hm_VLPose-base_8xb64-210e_humanart-256x192'
    # mim does not fetch again what lies there.
    weights = tmp_path / 'td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314.pth'
    weights.touch()
    args = ('vlpose_mm', '--config', name, '--dest', tmp_path)
    printed = command('-m', 'mim', 'download', *args, path=site)
    assert f'{weights.name} exists' in printed
    config = (tmp_path / f'{name}.py').read_text()
    assert 'visual_prompt=dict(deep=True, num_tokens=20)' in config


def test_mim_runs_a_command_of_the_wheel(command, site) -> None:
    args = ('vlpose_mm', 'precompute_text_features', '--', '--help')
    printed = command('-m', 'mim', 'run', *args, path=site)
    assert str(site / 'vlpose_mm/.mim/tools/precompute_text_features.py') in printed
    assert '--pretrained' in printed


def test_mmposes_tool_started_by_mim_reads_a_config_that_builds_on_the_wheel(
    command, site, config_name, user_config
) -> None:
    with user_config.open('a') as file:
        file.write("package = __import__('vlpose_mm').__file__\n")
        file.write(f"base = __import__('vlpose_mm').config_path('{config_name}')\n")
    printed = command('-m', 'mim', 'run', 'mmpose', 'print_config', user_config, path=site)
    assert 'VLPose' in printed and 'max_epochs=7' in printed
    package = site / 'vlpose_mm'
    assert f"package = '{package / '__init__.py'}'" in printed
    assert str(package / '.mim/configs' / config_name) in printed


def test_mim_install_needs_nothing_that_the_environment_lacks(command, source) -> None:
    options = ('--dry-run', '--no-build-isolation')
    printed = command('-m', 'mim', 'install', *options, source)
    assert f'Would install vlpose_mm-{vlpose_mm.__version__}\n' in printed
