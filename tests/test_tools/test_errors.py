"""Tests of what commands share."""

import os
import subprocess
import sys

import pytest

from vlpose_mm.tools.errors import command, errors_about


@pytest.mark.fast
@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (ValueError('two\n  lines'), 'two lines'),
        (FileNotFoundError(2, 'No such file', 'a\x07b'), 'a\\x07b: No such file'),
        (OSError('Cannot write x.'), 'Cannot write x.'),
    ],
)
def test_an_error_of_the_input_becomes_one_line_and_exit_code_2(
    error: Exception, line: str, capsys: pytest.CaptureFixture
) -> None:
    @command
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 2
    assert capsys.readouterr() == ('', f'error: {line}\n')


def test_output_that_nobody_reads_to_the_end_is_no_error() -> None:
    program = (
        'from vlpose_mm.tools.errors import command\ncommand(lambda: print("a line"))()'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()

    assert process.stderr.read().splitlines() == []
    process.wait()


def test_what_the_locale_cannot_print_is_escaped() -> None:
    program = """from vlpose_mm.tools.errors import command
command(lambda: print("Café 浮世絵"))()"""
    env = {**os.environ, 'PYTHONIOENCODING': 'ascii'}
    done = subprocess.run([sys.executable, '-c', program], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [rb'Caf\xe9', rb'\u6d6e\u4e16\u7d75']


def test_exit_codes_are_returned_and_faults_of_the_program_pass() -> None:
    @command
    def main(result: int | Exception | None) -> int | None:
        if isinstance(result, BaseException):
            raise result
        return result

    assert (main(None), main(3)) == (0, 3)
    with pytest.raises(RuntimeError, match='a fault'):
        main(RuntimeError('a fault'))
    with pytest.raises(SystemExit) as exit_info:
        main(KeyboardInterrupt())
    assert exit_info.value.code == 130


def test_errors_name_the_file_they_are_about_once() -> None:
    for error, line in (
        (KeyError('no such model'), 'a.py: no such model'),
        (TypeError('a.py is odd'), 'a.py is odd'),
    ):
        with pytest.raises(ValueError) as info:
            with errors_about('a.py', (KeyError, TypeError)):
                raise error
        assert str(info.value) == line
