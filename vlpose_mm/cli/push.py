"""Upload an adapter to the Hugging Face hub."""

import argparse
import os

from huggingface_hub import HfApi

from vlpose_mm.checkpoint.adapter_folder import read_adapter_config, read_folder
from vlpose_mm.checkpoint.hub import HubError, hub_errors
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.checkpoint.model_card import command, model_card
from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS, HUB

CARD = 'README.md'


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    folder, repo = options.folder, options.repo
    # Whoever downloads it could not read it either.
    read_folder(folder)
    config = read_adapter_config(folder)
    card = os.path.join(folder, CARD)
    if os.path.exists(card):
        print(f'{card} is there, and is kept; delete it to have it written again.')
    else:
        with replace_file(card) as file:
            file.write(model_card(config, repo).encode())
        print(f'Written to {card}.')
    if options.dry_run:
        return
    place = f'{HUB}{repo}'
    with hub_errors(place):
        api = HfApi()
        api.create_repo(repo, private=options.private or None, exist_ok=True)
        if options.private and not api.model_info(repo).private:
            raise HubError(
                f'{repo} exists, and is public; make it private on its page first, or name '
                'another.'
            )
        commit = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            allow_patterns=[ADAPTER_CONFIG, ADAPTER_WEIGHTS, CARD],
            commit_message='Upload an adapter of vlpose_mm',
        )
    print(f'Uploaded to {api.endpoint}/{repo}, commit {commit.oid}:')
    print(command(config, f'{place}@{commit.oid}'))
