"""The page of an adapter on the Hugging Face hub."""

from collections.abc import Iterable, Mapping

import yaml
from huggingface_hub import constants

from vlpose_mm.local_files import HUB, is_url
from vlpose_mm.names import PACKAGED

TAGS = ['adapter', 'art', 'human-pose-estimation', 'mmpose', 'vlpose']


def model_card(config: Mapping, repo: str) -> str:
    """Write the README.md of a repository.

    Args:
        config (Mapping): What :func:`vlpose_mm.checkpoint.adapter_folder.read_folder` reads
            of an adapter's JSON.
        repo (str): The repository, ``'OWNER/REPO'``.

    Returns:
        str: Metadata of the hub in YAML, and a page in Markdown.
    """
    front = dict(library_name='vlpose_mm', pipeline_tag='keypoint-detection', tags=TAGS)
    if config.get('license'):
        front['license'] = config['license']
    base = config.get('base_model_name_or_path')
    if base and base.startswith(f'{constants.ENDPOINT}/'):
        # A file of another repository.
        front['base_model'] = '/'.join(base[len(constants.ENDPOINT) + 1 :].split('/')[:2])
    sections = [
        f'# {repo.partition("/")[2]}',
        'An adapter of [VLPose](https://arxiv.org/abs/2402.14456), language-vision tuning '
        f'of human pose estimators, for {_keypoints(config)}in crops of one person each.',
        '## Use',
        f'```bash\n{command(config, f"{HUB}{repo}")}\n```',
        f'`{HUB}{repo}@COMMIT` is the state of a commit, whatever follows it. A model of '
        f"the same base loads it with `model.load_adapter('{HUB}{repo}', 'name')`.",
        _base(config, base),
        *_scores(config.get('metrics') or []),
        '## Intended use',
        'Poses of people and of figures in images of the kinds that it was tuned for. '
        "Other images are better taken by the base's own weights: `--route original`. It "
        'does not tell who somebody is, and was not tested for decisions about people.',
        *_kinds(config),
        '## Terms',
        _items(
            [
                f'Adapter: {config.get("license") or "its author names no license"}',
                f'Data that it was tuned on: {config.get("data_license") or "not named"}',
                f'Written by vlpose_mm {config["vlpose_mm_version"]}',
            ]
        ),
    ]
    text = '\n\n'.join(sections)
    return f'---\n{yaml.safe_dump(front)}---\n\n{text}\n'


def command(config: Mapping, place: str) -> str:
    """Return the command that estimates poses with an adapter."""
    base = config.get('base_model_name_or_path')
    if 'cfg' not in config['meta']:
        model = base if base in PACKAGED else 'CONFIG.py'
        return f'vlpose images/ --model {model} --weights {place}'
    is_found = base is not None and (is_url(base) or base in PACKAGED)
    further = '' if is_found else f' --base-weights {base or "BASE.pth"}'
    return f'vlpose images/ --model {place}{further}'


def _keypoints(config: Mapping) -> str:
    """Say which keypoints it predicts, where that is known."""
    meta = config['meta'].get('dataset_meta')
    if not meta:
        return 'poses '
    return f'the {meta["num_keypoints"]} keypoints of {meta["dataset_name"]} '


def _base(config: Mapping, base: str | None) -> str:
    sha256 = config['adapter']['base']['sha256']
    return (
        f'Its base is {f"`{base}`" if base else "another file"}, with weights of the hash '
        f'`{sha256}`; others are refused.'
    )


def _scores(metrics: list[Mapping]) -> list[str]:
    """Return a section with a table of the AP of each result, by subset."""
    if not metrics:
        return []
    names = [each['name'] for each in metrics]
    subsets = metrics[0]['subsets']
    rows = [('AP, in points', 'instances', *names), ('---', *['---:'] * (1 + len(names)))]
    for subset, scores in subsets.items():
        found = [each['subsets'].get(subset, dict(AP=-1))['AP'] for each in metrics]
        points = [f'{100 * ap:.1f}' if ap >= 0 else '-' for ap in found]
        rows.append((subset, str(scores['instances']), *points))
    gaps = [each['gap'] for each in metrics]
    if None not in gaps:
        rows.append(('gap: natural - artificial', '', *(f'{100 * g:.1f}' for g in gaps)))
    table = '\n'.join(f'| {" | ".join(map(_cell, row))} |' for row in rows)
    return ['## Scores', f'Evaluated on `{metrics[0]["ann_file"]}`:', table]


def _kinds(config: Mapping) -> list[str]:
    """Return what it was tuned for: text prompts, and classes of images."""
    text = config.get('text') or {}
    prompts = text.get('tuned_with') or text.get('text_prompts') or []
    classes = [each['scenario'] or 'photo' for each in config.get('scenario_classes', [])]
    found = []
    if prompts:
        found += ['Text prompts that it was tuned with:', _items(prompts)]
    if classes:
        found += ['Kinds of images that its classifier tells apart:', _items(classes)]
    return found


def _items(texts: Iterable[str]) -> str:
    return '\n'.join(f'- {_cell(text)}' for text in texts)


def _cell(text: str) -> str:
    """Keep text in its line and in its cell of a table."""
    return ' '.join(text.split()).replace('|', '\\|')
