"""Write a text model as a folder of the ``transformers`` library."""

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from vlpose_mm.checkpoint.io import give_usual_rights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def check_new_folder(folder: str) -> None:
    """Check that a folder can be written without touching another one's files.

    Args:
        folder (str): The folder.

    Raises:
        OSError: If it is a file or has something in it, or there is no place for it.
    """
    folder = os.path.abspath(folder)
    if os.path.isfile(folder):
        raise NotADirectoryError(f'cannot write {folder}: it is a file; name a folder')
    if os.path.isdir(folder) and os.listdir(folder):
        raise FileExistsError(f'cannot write {folder}: it is not empty; name a new folder')
    if not os.path.isdir(os.path.dirname(folder)):
        raise FileNotFoundError(
            f'cannot write {folder}: name a folder in an existing folder'
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
        give_usual_rights(temporary, 0o777)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary)
        raise
