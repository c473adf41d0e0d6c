"""Train the small ViTPose that the demo starts from, and write it to the project."""

import argparse
import shutil
from pathlib import Path

import torch
from mmengine.runner import CheckpointLoader

from projects.mini_humanart.runs import BASE_WEIGHTS, CONFIGS, ROOT, draw_data, mmpose_tool

DATA = ROOT / 'data/mini_base'
OUT = ROOT / 'work_dirs/mini_base'


def publish(checkpoint: Path, path: Path) -> None:
    """Keep only the weights, in half precision."""
    state_dict = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')['state_dict']
    half = {k: v.half() if v.is_floating_point() else v for k, v in state_dict.items()}
    torch.save(dict(state_dict=half), path)
    print(f'{path.relative_to(ROOT)}: {path.stat().st_size / 2**20:.1f} MiB')


def main() -> None:
    """Run the command."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    draw_data(DATA, '--photos-train', '6000', '--art-train', '0', '--art-val', '0')
    shutil.rmtree(OUT, ignore_errors=True)
    photos = DATA / 'coco'
    bbox_file = next((photos / 'person_detection_results').glob('*.json'))
    mmpose_tool(
        'train',
        CONFIGS / 'vitpose_mini_photos.py',
        *('--work-dir', OUT, '--cfg-options'),
        f'train_dataloader.dataset.data_root={photos}',
        f'val_dataloader.dataset.data_root={photos}',
        f'val_dataloader.dataset.bbox_file={bbox_file}',
        f'val_evaluator.ann_file={photos}/annotations/person_keypoints_val2017.json',
    )
    publish(Path((OUT / 'last_checkpoint').read_text()), BASE_WEIGHTS)


if __name__ == '__main__':
    main()
