"""The pytorch launcher joins a gloo group where there is no accelerator."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CODE = """
import sys
from mmengine.dist import get_world_size, init_dist
if sys.argv[1] == 'patched':
    from vlpose_mm.compat import cpu_distributed
    cpu_distributed.apply_patch()
init_dist('pytorch', backend='gloo')
print('processes:', get_world_size())
"""


def launch(how: str) -> subprocess.CompletedProcess:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    env = dict(
        os.environ,
        PYTHONPATH=str(Path(__file__).parents[2]),
        CUDA_VISIBLE_DEVICES='-1',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK='0',
        LOCAL_RANK='0',
        WORLD_SIZE='1',
    )
    command = [sys.executable, '-W', 'ignore', '-c', CODE, how]
    return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason='only needed without a GPU')
def test_mmengine_needs_the_patch_and_works_with_it() -> None:
    assert launch('stock').returncode != 0
    patched = launch('patched')
    assert 'processes: 1' in patched.stdout, patched.stderr
