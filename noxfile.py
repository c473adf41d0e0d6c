"""Test on other stacks than that of ``make env``, one session for each::

    pip install nox
    nox                  # all; a missing interpreter is named and its session skipped
    nox --list           # their names
    nox -s newest-3.13 -- tests/test_models    # other tests

A session runs the fast tests, then trains, tests, resumes, estimates poses and exports.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import nox

REQUIREMENTS = Path('requirements')
END_TO_END = (
    'tests/test_runs',
    'tests/test_cli/test_demo.py',
    'tests/test_compat',
    'tests/test_export/test_exporter.py',
    'tests/test_packaging/test_inheritance.py',
)


def lowest_versions() -> Iterator[str]:
    """Pin what the requirements bound from below to that bound."""
    for path in REQUIREMENTS.glob('*.txt'):
        if not path.name.startswith('constraints'):
            yield from re.sub(
                r'^([\w-]+)>=([\w.]+).*', r'\1==\2', path.read_text(), flags=re.MULTILINE
            ).splitlines()


def install(
    session: nox.Session, constraints: Path | None = None, has_web: bool = True
) -> None:
    """Install everything as ``make env`` does.

    Args:
        session (nox.Session): The session.
        constraints (Path, optional): Versions to install. Default: the newest.
        has_web (bool): Whether to install what the web page needs.
    """
    pins = ('--constraint', constraints) if constraints else ()
    names = ['build', 'runtime', 'openmmlab', 'onnx', 'video', 'ray', 'projects', 'tests']
    names += ['web'] * has_web
    files = [f'--requirement={REQUIREMENTS / name}.txt' for name in names]
    session.install(*pins, *files)
    session.install(*pins, '--no-deps', f'--requirement={REQUIREMENTS / "no_deps"}.txt')
    session.install('--no-deps', '--no-build-isolation', '--editable', '.')


def run_tests(session: nox.Session, *options: str) -> None:
    """Run the fast tests and those of the whole way, or what follows ``--``."""
    pytest = ('python', '-m', 'pytest', '-n', 'auto', '--dist', 'worksteal', *options)
    session.env['OMP_NUM_THREADS'] = '1'
    if session.posargs:
        session.run(*pytest, *session.posargs)
    else:
        session.run(*pytest, '-m', 'fast')
        session.run(*pytest, *END_TO_END)


@nox.session(python=['3.10', '3.11', '3.12'])
def oldest(session: nox.Session) -> None:
    """Test with the oldest supported versions."""
    path = Path(session.create_tmp()) / 'constraints.txt'
    path.write_text('\n'.join(lowest_versions()))
    # gradio and transformers ask for different versions of huggingface-hub.
    install(session, path, has_web=False)
    run_tests(session, '--ignore=tests/test_web')


@nox.session(python=['3.11', '3.13', '3.14'])
def newest(session: nox.Session) -> None:
    """Test with the newest version of everything."""
    install(session)
    run_tests(session)


@nox.session(python='3.11')
def full_mmcv(session: nox.Session) -> None:
    """Test with the compiled mmcv; without a wheel in PIP_FIND_LINKS it compiles it."""
    install(session, REQUIREMENTS / 'constraints-numpy1.txt')
    session.run_install('pip', 'uninstall', '--yes', 'mmcv-lite')
    session.install('--no-deps', '--no-build-isolation', 'mmcv>=2.0.1,<2.2')
    run_tests(session)


@nox.session(python=['3.11', '3.13'])
def wheel(session: nox.Session) -> None:
    """Install the wheel in an empty environment, with what pip finds, and use it."""
    folder = session.create_tmp()
    session.run_install('pip', 'wheel', '--no-deps', '--wheel-dir', folder, '.')
    (path,) = Path(folder).glob('*.whl')
    session.install(f'{path}[mmpose]')
    session.install('--no-deps', f'--requirement={REQUIREMENTS / "no_deps"}.txt')
    session.chdir(folder)
    session.run('vlpose', 'demo')
