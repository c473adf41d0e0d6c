"""What contributors and their tools read agrees with what there is."""

import re

import yaml

from tests.conftest import ROOT
from vlpose_mm.version import __version__

MAKEFILE = (ROOT / 'Makefile').read_text(encoding='utf-8')


def test_every_step_of_the_workflows_is_a_make_target() -> None:
    targets = set(re.findall(r'^([\w-]+):', MAKEFILE, re.MULTILINE))
    commands = []
    for path in (ROOT / '.github/workflows').glob('*.yml'):
        for job in yaml.safe_load(path.read_text(encoding='utf-8'))['jobs'].values():
            commands += [step['run'] for step in job['steps'] if 'run' in step]
    assert {'make docs', 'make lint', 'make test', 'make release-check'} <= {*commands}
    assert [c for c in commands if c.removeprefix('make ') not in targets] == []


def test_the_hooks_before_a_commit_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text(encoding='utf-8'))
    hooks = {hook['entry'] for repo in config['repos'] for hook in repo['hooks']}
    lint = MAKEFILE.split('\nlint:')[1].split('\n\n')[0]
    checks = re.findall(r'\$\(BIN\)/(\w+(?: check| format)?)', lint)
    assert sorted(checks) == sorted(
        entry.removeprefix('.venv/bin/').removesuffix(' --fix') for entry in hooks
    )


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert citation['version'] == __version__
    assert citation['references'][0]['url'].endswith('2402.14456')


def test_the_files_that_contributing_names_exist() -> None:
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    named = re.findall(r'`([\w./]+/[\w./]+?)/?`', text)
    assert [n for n in named if 'NAME' not in n and not (ROOT / n).exists()] == []
    assert len(named) > 10
