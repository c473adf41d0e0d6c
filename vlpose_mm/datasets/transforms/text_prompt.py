"""Assign a text prompt to every sample."""

import logging
import zlib
from collections.abc import Mapping

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import (
    find_scenario,
    keypoint_text_prompts,
    text_prompt_from_name,
    text_prompt_table,
)
from vlpose_mm.datasets.text_prompts import (
    check_per_keypoint,
    check_text_prompt,
    check_text_prompts,
    load_text_prompts,
)


@TRANSFORMS.register_module()
class AssignTextPrompt(BaseTransform):
    """Assign the text prompt that the text encoder reads, and the scenario.

    The text prompt is the first of these: the sample's ``text_prompt``, its ``description``
    with ``use_description``, the argument ``text_prompt``, and that of its scenario. The
    scenario is the sample's ``category``, or else the folder of the image if that is a
    known scenario or is in a folder of a Human-Art group; without a scenario the default
    text prompt is used. For an unknown scenario that is ``text_prompts['default']``, or
    else a text prompt made from its name, with one warning.

    Required Keys (all optional):

        - img_path, category, text_prompt, description
        - dataset or keypoint_id2name, and keypoints (with ``per_keypoint``)

    Added Keys:

        - text_prompt (str | list[str])
        - text_source (str): ``'scenario'``; ``'none'``, the default of an image without a
          scenario; or ``'text_prompt'``, any other.
        - scenario (str | None): Named as in :data:`SCENARIOS`.
        - group (str | None)

    Args:
        text_prompt (str | list[str], optional): Text prompt of all images.
        text_prompts (Mapping[str, str | list[str]], optional): Text prompts by scenario,
            see :func:`text_prompt_table`.
        file (str, optional): YAML or JSON file of text prompts by scenario, instead of
            ``text_prompt`` and ``text_prompts``. It has ``default`` or all scenarios of
            :data:`SCENARIOS`.
        per_keypoint (bool): Whether to make a text for each keypoint from the text prompt,
            such as ``'the left knee in a mural of a person'``.
        use_description (bool): Whether to use the description of the image.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If a text prompt is blank or not text, the file is broken or incomplete,
            or arguments exclude each other.
    """

    def __init__(
        self,
        text_prompt: str | list[str] | None = None,
        text_prompts: Mapping[str, str | list[str]] | None = None,
        file: str | None = None,
        per_keypoint: bool = False,
        use_description: bool = False,
    ) -> None:
        source = 'AssignTextPrompt'
        if file is not None and (text_prompt is not None or text_prompts):
            raise ValueError(
                f'{source}: set the text prompts in {file} or in the config, not in both.'
            )
        if text_prompt is not None and text_prompts:
            raise ValueError(
                f'{source}: set text_prompt for all images or text_prompts by scenario, '
                'not both.'
            )
        if text_prompt is not None:
            text_prompt = check_text_prompt(text_prompt, f'{source}: text_prompt')
        by_scenario = {} if file is None else load_text_prompts(file)
        if text_prompts:
            by_scenario = check_text_prompts(text_prompts, source)
        if per_keypoint:
            texts = {**by_scenario, 'text_prompt': text_prompt or ''}
            check_per_keypoint(texts, file or source)
        self.text_prompt = text_prompt
        self.text_prompts = text_prompt_table(by_scenario)
        self.file = file
        self.per_keypoint = per_keypoint
        self.use_description = use_description
        self._has_default = 'default' in by_scenario
        # Scenarios warned about, by checksum; shared by the workers of a data loader.
        self._warned = torch.zeros(4096, dtype=torch.bool).share_memory_()

    def transform(self, results: dict) -> dict:
        """Assign the text prompt.

        Raises:
            ValueError: If a text of the sample is not text, or the names of its keypoints
                are required and unknown.
        """
        scenario, results['group'] = find_scenario(results, 'img_path')
        results['scenario'] = scenario
        image = results.get('img_path')
        source = 'text_prompt'
        if results.get('text_prompt'):
            name = f'The text_prompt of {image}'
            text_prompt = check_text_prompt(results['text_prompt'], name)
        else:
            own = description_of(results) if self.use_description else ''
            text_prompt = own or self.text_prompt
            if not text_prompt:
                text_prompt = self._scenario_text_prompt(scenario)
                source = 'none' if scenario is None else 'scenario'
        if self.per_keypoint:
            check_per_keypoint(dict(text_prompt=text_prompt), f'{image}')
            names = _keypoint_names(results)
            text_prompt = keypoint_text_prompts(str(text_prompt), names)
        is_text = isinstance(text_prompt, str)
        results['text_prompt'] = text_prompt if is_text else [*text_prompt]  # a copy
        results['text_source'] = source
        return results

    def _scenario_text_prompt(self, scenario: str | None) -> str | list[str]:
        if scenario in self.text_prompts:
            return self.text_prompts[scenario]
        if scenario is None or self._has_default:
            return self.text_prompts['default']
        self.text_prompts[scenario] = text_prompt_from_name(scenario)
        slot = zlib.crc32(scenario.encode()) % len(self._warned)
        if not self._warned[slot]:
            self._warned[slot] = True
            print_log(
                f'Unknown scenario {scenario!r}: using {self.text_prompts[scenario]!r}. '
                f"For a better text prompt, set text_prompts={{'{scenario}': ...}} of "
                'AssignTextPrompt, or add it to its file.',
                logger='current',
                level=logging.WARNING,
            )
        return self.text_prompts[scenario]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(text_prompt={self.text_prompt!r}, file={self.file!r}, '
            f'per_keypoint={self.per_keypoint}, use_description={self.use_description})'
        )


def description_of(results: dict) -> str:
    """Return the description of an image, or ``''``."""
    text = results.get('description')
    if text is not None and not isinstance(text, str):
        raise ValueError(
            f'The description of {results.get("img_path")} must be text, got {text!r}.'
        )
    return ' '.join((text or '').split())


def _keypoint_names(results: dict) -> list[str]:
    """Return the keypoint names of a sample's dataset, or those in the sample."""
    dataset, image = results.get('dataset'), results.get('img_path')
    metainfo = results if dataset is None else dataset.metainfo
    names = metainfo.get('keypoint_id2name')
    if not names:
        raise ValueError(
            f'Text prompts per keypoint need the names of the keypoints, which the sample '
            f"{image} does not have; add keypoint_id2name, as in its dataset's metainfo."
        )
    count = results['keypoints'].shape[1] if 'keypoints' in results else len(names)
    if count != len(names):
        raise ValueError(
            f'The sample {image} has {count} keypoints, but its dataset names '
            f'{len(names)}; use AssignTextPrompt in the pipeline of a dataset whose '
            'metainfo names them.'
        )
    return [names[index] for index in sorted(names)]
