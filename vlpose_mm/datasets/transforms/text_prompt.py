"""Give every sample its prompt."""

import logging
import zlib
from collections.abc import Mapping

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import (
    find_scenario,
    humanized_text_prompt,
    keypoint_text_prompts,
    text_prompt_table,
)
from vlpose_mm.datasets.text_prompts import (
    check_single,
    check_text_prompt,
    check_text_prompts,
    load_text_prompts,
)


@TRANSFORMS.register_module()
class AssignTextPrompt(BaseTransform):
    """Write the prompt that the text encoder reads, and what it is made from.

    The prompt is the sample's own ``text_prompt``, else its ``description`` (if wanted),
    else the text prompt given here, else the text prompt of its scenario. The scenario is the
    annotation's ``category``, else the folder of the image (where the folder above is a
    group of Human-Art, or the name is known), else none: then the text prompt is the default
    one. A scenario that the text prompts lack gets the ``default`` given with them, else a
    text prompt made from its name, and one warning.

    Required Keys:

        - img_path (optional)
        - category (optional)
        - text_prompt (optional)
        - description (optional)
        - dataset or keypoint_id2name (with ``per_keypoint``)
        - keypoints (optional)

    Added Keys:

        - text_prompt (str | list[str])
        - text_source (str): What the prompt is from: ``'scenario'``; ``'none'``, the
          default text prompt of an image without scenario; or ``'text_prompt'``, any other.
        - scenario (str | None): Named as in :data:`SCENARIOS`.
        - group (str | None)

    Args:
        text_prompt (str | list[str], optional): The prompt of all images: a text prompt or
            several.
        text_prompts (Mapping[str, str | list[str]], optional): Prompts of further scenarios,
            or other ones for those known. ``default`` is the one of images without a
            scenario and of all scenarios not named here.
        file (str, optional): YAML or JSON file of such prompts, instead of ``text_prompt``
            and ``text_prompts``. Without ``default`` it has to name every scenario of
            :data:`SCENARIOS`.
        per_keypoint (bool): Make of the prompt, then one text prompt, as many as the dataset
            has keypoints, such as ``'the left knee in a mural of a person'``.
        use_description (bool): Whether an image's own description goes before the
            text prompts given here.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a text prompt is blank or no text, the file is none of that kind or
            lacks scenarios, it comes with other text prompts, or a text prompt per keypoint is
            wanted of several.
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
                f'{source}: give the text prompts in {file} or in the config, not in both.'
            )
        if text_prompt is not None and text_prompts:
            raise ValueError(
                f'{source}: give one text prompt for all images or text prompts by scenario, '
                'not both.'
            )
        given = check_text_prompts(text_prompts, source) if text_prompts else {}
        if file is not None:
            given = load_text_prompts(file)
        if text_prompt is not None:
            text_prompt = check_text_prompt(
                text_prompt, f"{source}: the text prompt of 'text prompt'"
            )
        if per_keypoint:
            check_single({**given, 'text_prompt': text_prompt or ''}, file or source)
        self.text_prompt = text_prompt
        self.text_prompts = text_prompt_table(given)
        self.file = file
        self.per_keypoint = per_keypoint
        self.use_description = use_description
        self._has_default = 'default' in given
        # Which names have been warned about, by checksum; the workers of a loader share it.
        self._warned = torch.zeros(4096, dtype=torch.bool).share_memory_()

    def transform(self, results: dict) -> dict:
        """Assign the prompt.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with ``text_prompt``, ``text_source``, ``scenario`` and
            ``group``.

        Raises:
            ValueError: If the words of the sample are no text, or the names of its
                keypoints are wanted and unknown.
        """
        name, results['group'] = find_scenario(results, 'img_path')
        results['scenario'] = name
        image = results.get('img_path')
        source = 'text_prompt'
        if results.get('text_prompt'):
            own = f'The text_prompt of {image}'
            prompt = check_text_prompt(results['text_prompt'], own)
        else:
            prompt = self._description(results) or self.text_prompt
            if not prompt:
                prompt = self._text_prompt(name)
                source = 'none' if name is None else 'scenario'
        if self.per_keypoint:
            check_single(dict(text_prompt=prompt), f'{image}')
            prompt = keypoint_text_prompts(prompt, _keypoint_names(results))
        results['text_source'] = source
        results['text_prompt'] = prompt if isinstance(prompt, str) else [*prompt]
        return results

    def _description(self, results: dict) -> str | None:
        """Read the image's own description, if it is wanted and there."""
        text = results.get('description') if self.use_description else None
        if text is not None and not isinstance(text, str):
            raise ValueError(
                f'The description of {results.get("img_path")} must be text, got {text!r}.'
            )
        return ' '.join((text or '').split())

    def _text_prompt(self, name: str | None) -> str | list[str]:
        """Look up or make the prompt of a scenario."""
        if name is None or (self._has_default and name not in self.text_prompts):
            return self.text_prompts['default']
        if name not in self.text_prompts:
            self.text_prompts[name] = humanized_text_prompt(name)
            slot = zlib.crc32(name.encode()) % len(self._warned)
            if not self._warned[slot]:
                self._warned[slot] = True
                print_log(
                    f'Unknown scenario {name!r}: reading {self.text_prompts[name]!r}. Give '
                    f"AssignTextPrompt text_prompts={{'{name}': ...}}, or its file a line, "
                    'for a better text prompt.',
                    logger='current',
                    level=logging.WARNING,
                )
        return self.text_prompts[name]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(text_prompt={self.text_prompt!r}, file={self.file!r}, '
            f'per_keypoint={self.per_keypoint}, use_description={self.use_description})'
        )


def _keypoint_names(results: dict) -> list[str]:
    """Ask the dataset of a sample for the names of its keypoints.

    A dataset puts itself into its samples; MMPose's inference puts the metainfo there.
    """
    dataset = results.get('dataset')
    metainfo = results if dataset is None else dataset.metainfo
    names = metainfo.get('keypoint_id2name')
    if not names:
        raise ValueError(
            f'A text prompt per keypoint is wanted, but the sample {results.get("img_path")} '
            'does not tell the names of its keypoints; give it keypoint_id2name, as in '
            "its dataset's metainfo."
        )
    count = results['keypoints'].shape[1] if 'keypoints' in results else len(names)
    if count != len(names):
        raise ValueError(
            f'The sample {results.get("img_path")} has {count} keypoints, but its dataset '
            f'names {len(names)}; put AssignTextPrompt into the pipeline of a dataset '
            'whose metainfo names them.'
        )
    return [names[index] for index in sorted(names)]
