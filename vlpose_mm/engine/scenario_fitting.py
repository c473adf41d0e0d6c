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
    SHRINKAGES,
    ScenarioStatistics,
    Sums,
    balanced_log_prior,
    choose_hyperparameters,
    discriminant,
)
from vlpose_mm.models.classifiers.scenario_classifier import (
    ScenarioClass,
    ScenarioClassifier,
)
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

# One image in so many is held out to choose shrinkage and temperature.
HELD_OUT = 5


def training_loader(cfg: Mapping) -> DataLoader:
    """Build the loader of a config's training images with the validation's pipeline.

    They come in order, each process its share.

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
        # Otherwise MMEngine draws the seed, which changes the random numbers of training.
        seed=0,
    )


def original_maps(
    model: VLPoseEstimator, loader: DataLoader
) -> Iterator[tuple[Tensor, list[PoseDataSample]]]:
    """Yield the frozen E, B x C x h x w, and the samples of each batch, in eval mode."""
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
    """Fit the scenario classifier of a model, the same in all processes.

    One image in :data:`HELD_OUT`, by its id, chooses shrinkage and temperature, then joins
    the others.

    Raises:
        ValueError: If the samples lack their scenarios, or all images are natural, or all
            artificial.
    """
    print_log('Fitting the scenario classifier on the training images.', 'current')
    dims = model.backbone.out_channels
    kept, heldout = ScenarioStatistics(dims), ScenarioStatistics(dims)
    heldout_features, heldout_names = [torch.zeros(0, dims)], []
    groups, prompts = {}, {}
    for feature_map, samples in original_maps(model, loader):
        # On the CPU: not every accelerator has float64.
        features = feature_map.float().mean(dim=(2, 3)).cpu()  # B, C
        out = torch.tensor([is_held_out(sample) for sample in samples])
        names = [_note_class(sample, groups, prompts) for sample in samples]
        out_names = [name for name, is_out in zip(names, out, strict=True) if is_out]
        in_names = [name for name, is_out in zip(names, out, strict=True) if not is_out]
        kept.add(features[~out], in_names)
        heldout.add(features[out], out_names)
        heldout_features.append(features[out])
        heldout_names += out_names

    classes = _settle_classes(all_gather_object((groups, prompts)))
    names = [each.scenario for each in classes]
    natural = torch.tensor([each.natural for each in classes])
    log_prior = balanced_log_prior(natural)
    kept_sums, heldout_sums = kept.total(names), heldout.total(names)
    labels = torch.tensor([names.index(name) for name in heldout_names], dtype=torch.int64)
    features, classifier = torch.cat(heldout_features), model.scenario_classifier
    candidates = SHRINKAGES if classifier.shrinkage is None else (classifier.shrinkage,)
    shrinkage, temperature = choose_hyperparameters(
        kept_sums, log_prior, features, labels, candidates
    )
    sums = Sums(*(a + b for a, b in zip(kept_sums, heldout_sums, strict=True)))
    weight, bias = (part / temperature for part in discriminant(sums, shrinkage))
    bias = bias + log_prior
    if classifier.natural_rate is not None:
        scores = torch.addmm(bias, features[natural[labels]].double(), weight.T)
        margins = _artificial_margins(scores, natural)
        bias = bias + natural * margins.quantile(classifier.natural_rate)
    classifier.assign(classes, weight, bias)
    print_log(
        f'Fitted the scenario classifier on {sums.counts.sum():.0f} instances of '
        f'{len(classes)} classes (shrinkage {shrinkage}, temperature {temperature:.2f}).',
        'current',
    )


def _artificial_margins(scores: Tensor, natural: Tensor) -> Tensor:
    """By how much the artificial side is more probable, in log-odds, in all processes.

    Args:
        scores (Tensor): Logits of this process's instances, N x S.
        natural (Tensor): Whether classes are natural, S.

    Raises:
        ValueError: If there are no instances.
    """
    sides = (scores[:, side].logsumexp(dim=1) for side in (~natural, natural))
    margins = torch.cat(all_gather_object(torch.sub(*sides)))
    if not len(margins):
        raise ValueError(
            'No natural training image is held out to set the natural_rate of the '
            'scenario classifier; give more of them, or omit natural_rate.'
        )
    return margins


def add_classifier(content: Mapping, classifier: ScenarioClassifier) -> dict:
    """Return the content of a checkpoint's file with a fitted classifier added."""
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


def is_held_out(sample: PoseDataSample) -> bool:
    """Whether an image is held out, by a checksum of its id."""
    key = sample.metainfo.get('img_id', sample.metainfo.get('img_path'))
    return zlib.crc32(str(key).encode()) % HELD_OUT == 0


def _note_class(sample: PoseDataSample, groups: dict, prompts: dict) -> str | None:
    """Return the class of a sample; note its group and, if it is its own, its prompt."""
    info = sample.metainfo
    if 'scenario' not in info:
        raise ValueError(
            'A training sample has no scenario; add '
            "dict(type='AssignTextPrompt') to the pipeline, and 'scenario', 'group', "
            "'text_prompt' and 'text_source' to the meta_keys of PackPoseInputs, as "
            'pack_with_text has it.'
        )
    name = info['scenario']
    groups.setdefault(name, info.get('group'))
    # Otherwise it belongs to the image or to all images.
    if info.get('text_source') in ('scenario', 'none'):
        prompts.setdefault(name, info.get('wording_of') or info['text_prompt'])
    return name


def _settle_classes(seen: Sequence[tuple[dict, dict]]) -> list[ScenarioClass]:
    """Merge the classes of all processes: known scenarios, further ones, photos."""
    groups, prompts, table = {}, {}, text_prompt_table()
    for some_groups, some_prompts in reversed(seen):
        groups |= some_groups
        prompts |= some_prompts
    further = sorted(name for name in groups if name and name not in SCENARIOS)
    classes = []
    for name in (*SCENARIOS, *further, None):
        if name in groups:
            prompt = prompts.get(name) or table.get(name or 'default')
            prompt = prompt or text_prompt_from_name(name)
            classes.append(ScenarioClass(name, groups[name], prompt))
    if len({each.natural for each in classes}) < 2:
        side = 'natural' if classes and classes[0].natural else 'artificial'
        raise ValueError(
            f'The training images are all {side}, so a scenario classifier cannot learn '
            'to separate natural from artificial ones; train on a set with both, such as '
            'training_humanart_coco.json.'
        )
    return classes
