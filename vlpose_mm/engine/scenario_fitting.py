"""Fit a scenario classifier in one pass over the training images."""

import copy
import zlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from mmengine.dist import all_gather_object
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.structures import PoseDataSample
from torch import Tensor
from torch.utils.data import DataLoader

from vlpose_mm.checkpoint.io import STATE_DICT_KEYS
from vlpose_mm.checkpoint.metadata import KEY, decode, encode
from vlpose_mm.datasets.scenarios import SCENARIOS, text_prompt_from_name, text_prompt_table
from vlpose_mm.models.classifiers.linear_discriminant import (
    ScenarioStatistics,
    Sums,
    balanced_log_prior,
    choose_cautions,
    discriminant,
)
from vlpose_mm.models.classifiers.scenario_classifier import (
    ScenarioClass,
    ScenarioClassifier,
)
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

# One image in so many is held out, to choose how sure the classifier may be.
HELD_OUT = 5


def training_loader(cfg: Mapping) -> DataLoader:
    """Load a config's training images as validation sees images.

    Args:
        cfg (Mapping): The config.

    Returns:
        DataLoader: Its training set with the validation's pipeline, in order, each
        process its share.

    Raises:
        ValueError: If the config lacks one of them.
    """
    training = cfg.get('train_dataloader')
    testing = cfg.get('val_dataloader') or cfg.get('test_dataloader')
    for name, loader in (('train', training), ('val', testing)):
        if not (loader or {}).get('dataset', {}).get('pipeline'):
            raise ValueError(
                f'The config has no {name}_dataloader.dataset.pipeline; a scenario '
                'classifier is fitted on the training images with the pipeline of the '
                'validation.'
            )
    dataset = copy.deepcopy(training['dataset'])
    dataset['pipeline'] = copy.deepcopy(testing['dataset']['pipeline'])
    return Runner.build_dataloader(
        dict(
            dataset=dataset,
            batch_size=training['batch_size'],
            num_workers=training.get('num_workers', 0),
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
        ),
        # Without one, MMEngine draws it from the numbers that training is about to draw.
        seed=0,
    )


def original_maps(
    model: VLPoseEstimator, loader: DataLoader
) -> Iterator[tuple[Tensor, list[PoseDataSample]]]:
    """Run the original backbone in eval mode, without gradients.

    Args:
        model (VLPoseEstimator): The model.
        loader (DataLoader): Images.

    Yields:
        tuple[Tensor, list[PoseDataSample]]: E of a batch, B x C x h x w, and its samples.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for batch in loader:
            data = model.data_preprocessor(batch, False)
            with torch.no_grad():
                (feature_map,) = model.backbone(data['inputs'], tuned=False)
            yield feature_map, data['data_samples']
    finally:
        for module, mode in modes:
            module.training = mode


def fit_scenarios(model: VLPoseEstimator, loader: DataLoader) -> None:
    """Fit the scenario classifier of a model.

    One image in :data:`HELD_OUT`, whichever its id says, chooses how far the covariance
    is shrunk and how sure the classifier may be; then it joins the others.

    Args:
        model (VLPoseEstimator): Its ``scenario_classifier`` gets fitted.
        loader (DataLoader): See :func:`training_loader`; in distributed training each
            process has its share, and all get the same classifier.

    Raises:
        ValueError: If the samples do not tell their scenarios, or all images are
            natural, or all artificial.
    """
    print_log('Fitting the scenario classifier on the training images.', 'current')
    dims = model.backbone.out_channels
    kept, held = ScenarioStatistics(dims), ScenarioStatistics(dims)
    held_features, held_names = [torch.zeros(0, dims)], []
    groups, prompts = {}, {}
    for feature_map, samples in original_maps(model, loader):
        # On the CPU: not every accelerator has float64.
        features = feature_map.float().mean(dim=(2, 3)).cpu()  # B, C
        out = torch.tensor([_is_held_out(sample) for sample in samples])
        names = [_note_class(sample, groups, prompts) for sample in samples]
        out_names = [name for name, is_out in zip(names, out, strict=True) if is_out]
        in_names = [name for name, is_out in zip(names, out, strict=True) if not is_out]
        kept.add(features[~out], in_names)
        held.add(features[out], out_names)
        held_features.append(features[out])
        held_names += out_names

    classes = _settle_classes(all_gather_object((groups, prompts)))
    names = [given.scenario for given in classes]
    natural = torch.tensor([given.natural for given in classes])
    log_prior = balanced_log_prior(natural)
    kept_sums, held_sums = kept.total(names), held.total(names)
    labels = torch.tensor([names.index(name) for name in held_names], dtype=torch.int64)
    shrinkage, temperature = choose_cautions(
        kept_sums, log_prior, torch.cat(held_features), labels
    )
    sums = Sums(*(a + b for a, b in zip(kept_sums, held_sums, strict=True)))
    weight, bias = discriminant(sums, shrinkage)
    model.scenario_classifier.assign(
        classes, weight / temperature, bias / temperature + log_prior
    )
    print_log(
        f'Fitted the scenario classifier on {sums.counts.sum():.0f} people of '
        f'{len(classes)} kinds of images (shrinkage {shrinkage}, temperature '
        f'{temperature:.2f}).',
        'current',
    )


def add_classifier(content: Mapping, classifier: ScenarioClassifier) -> dict:
    """Add a fitted classifier to a checkpoint.

    Args:
        content (Mapping): What the checkpoint's file holds; it is not changed.
        classifier (ScenarioClassifier): The classifier.

    Returns:
        dict: The same with the classifier, in place of the one that may be there.
    """
    places = [key for key in STATE_DICT_KEYS if isinstance(content.get(key), Mapping)]
    weights = dict(content[places[0]] if places else content)
    state = classifier.state_dict()
    added = {f'scenario_classifier.{name}': t.cpu() for name, t in state.items()}
    if KEY in weights:
        metadata = decode(weights[KEY])
        names = [*metadata['adapter_params'], *added]
        metadata['adapter_params'] = list(dict.fromkeys(names))
        added[KEY] = encode(metadata)
    weights |= added
    return {**content, places[0]: weights} if places else weights


def _is_held_out(sample: PoseDataSample) -> bool:
    """Whether an image is held out, by a checksum that knows no order."""
    key = sample.metainfo.get('img_id', sample.metainfo.get('img_path'))
    return zlib.crc32(str(key).encode()) % HELD_OUT == 0


def _note_class(sample: PoseDataSample, groups: dict, prompts: dict) -> str | None:
    """Tell the class of a person; note its group and, where it has it, its prompt."""
    info = sample.metainfo
    if 'scenario' not in info:
        raise ValueError(
            'A training sample does not tell its scenario; add '
            "dict(type='AssignTextPrompt') to the pipeline, and 'scenario', 'group', "
            "'text_prompt' and 'text_source' to the meta_keys of PackPoseInputs, as "
            'pack_with_text has it.'
        )
    name = info['scenario']
    groups.setdefault(name, info.get('group'))
    # Else it is the image's own, or one of all images.
    if info.get('text_source') in ('scenario', 'none'):
        prompts.setdefault(name, info['text_prompt'])
    return name


def _settle_classes(seen: Sequence[tuple[dict, dict]]) -> list[ScenarioClass]:
    """Bring what all processes saw into one order: ours, further ones, photos."""
    groups, prompts, table = {}, {}, text_prompt_table()
    for some_groups, some_prompts in reversed(seen):
        groups.update(some_groups)
        prompts.update(some_prompts)
    further = sorted(name for name in groups if name and name not in SCENARIOS)
    classes = []
    for name in (*SCENARIOS, *further, None):
        if name in groups:
            prompt = prompts.get(name) or table.get(name or 'default')
            prompt = prompt or text_prompt_from_name(name)
            classes.append(ScenarioClass(name, groups[name], prompt))
    if len({given.natural for given in classes}) < 2:
        side = 'natural' if classes and classes[0].natural else 'artificial'
        raise ValueError(
            f'The training images are all {side}, so a scenario classifier cannot learn '
            'to tell natural from artificial ones; train on a set with both, such as '
            'training_humanart_coco.json.'
        )
    return classes
