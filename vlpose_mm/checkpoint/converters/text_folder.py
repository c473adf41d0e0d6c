"""Write a text model as a folder of the ``transformers`` library."""

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from vlpose_mm.checkpoint.io import set_usual_mode

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def check_new_folder(folder: str) -> None:
    """Check that a folder can be written without touching existing files.

    Raises:
        OSError: If it is a file, is not empty, or its parent is missing.
    """
    folder = os.path.abspath(folder)
    if os.path.isfile(folder):
        raise NotADirectoryError(f'Cannot write {folder}: it is a file; name a folder.')
    if os.path.isdir(folder) and os.listdir(folder):
        raise FileExistsError(f'Cannot write {folder}: it is not empty; name a new folder.')
    if not os.path.isdir(os.path.dirname(folder)):
        raise FileNotFoundError(
            f'Cannot write {folder}: name a folder in an existing folder.'
        )


def write_text_folder(
    model: 'PreTrainedModel', tokenizer: 'PreTrainedTokenizerBase', folder: str
) -> None:
    """Write a folder for ``pretrained`` of a text encoder; all of it or nothing.

    Args:
        model (PreTrainedModel): The text model.
        tokenizer (PreTrainedTokenizerBase): Its tokenizer.
        folder (str): The folder; new or empty.

    Raises:
        OSError: If it cannot be written.
    """
    check_new_folder(folder)
    parent, name = os.path.split(os.path.abspath(folder))
    temporary = tempfile.mkdtemp(dir=parent, prefix=f'.{name}.', suffix='.tmp')
    try:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        set_usual_mode(temporary, 0o777)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary)
        raise
