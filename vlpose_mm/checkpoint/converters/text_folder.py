"""Write a text model as a folder of the ``transformers`` library."""

import os
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

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
    """Write a new folder for ``pretrained`` of a text encoder; all of it or nothing.

    Raises:
        OSError: If it cannot be written.
    """
    check_new_folder(folder)
    parent, name = os.path.split(os.path.abspath(folder))
    temporary = os.path.join(parent, f'.{name}.{uuid4().hex[:8]}.tmp')
    try:
        os.mkdir(temporary)
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
