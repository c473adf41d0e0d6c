"""The scenarios of Human-Art and the text prompt that tells each one to the model."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

DEFAULT_TEXT_PROMPT = 'a photo of a person'


class Scenario(NamedTuple):
    """A kind of image.

    Attributes:
        group (str): Its group in Human-Art.
        text_prompt (str): What the text encoder reads.
    """

    group: str
    text_prompt: str


REAL, ART_2D, ART_3D = GROUPS = ('real_human', '2D_virtual_human', '3D_virtual_human')

# https://arxiv.org/abs/2303.02760; named as Human-Art's image folders.
SCENARIOS = {
    'acrobatics': Scenario(REAL, 'a photo of a person doing acrobatics'),
    'cosplay': Scenario(REAL, 'a photo of a person in cosplay'),
    'dance': Scenario(REAL, 'a photo of a person dancing'),
    'drama': Scenario(REAL, 'a photo of an actor in a stage drama'),
    'movie': Scenario(REAL, 'a movie still of a person'),
    'cartoon': Scenario(ART_2D, 'a cartoon of a person'),
    'digital_art': Scenario(ART_2D, 'a digital art picture of a person'),
    'ink_painting': Scenario(ART_2D, 'an ink painting of a person'),
    'kids_drawing': Scenario(ART_2D, "a kid's drawing of a person"),
    'mural': Scenario(ART_2D, 'a mural of a person'),
    'oil_painting': Scenario(ART_2D, 'an oil painting of a person'),
    'shadow_play': Scenario(ART_2D, 'a shadow play puppet of a person'),
    'sketch': Scenario(ART_2D, 'a sketch of a person'),
    'stained_glass': Scenario(ART_2D, 'a stained glass picture of a person'),
    'ukiyoe': Scenario(ART_2D, 'an ukiyo-e print of a person'),
    'watercolor': Scenario(ART_2D, 'a watercolor painting of a person'),
    'garage_kits': Scenario(ART_3D, 'a photo of a garage kit figure of a person'),
    'relief': Scenario(ART_3D, 'a photo of a stone relief of a person'),
    'sculpture': Scenario(ART_3D, 'a photo of a sculpture of a person'),
}


def scenario_name(text: str) -> str:
    """Spell a scenario as Human-Art's image folders do.

    Args:
        text (str): Such as ``'Digital art'``.

    Returns:
        str: Such as ``'digital_art'``.
    """
    return '_'.join(text.lower().replace('-', ' ').replace('_', ' ').split())


def find_scenario(record: Mapping, path_key: str) -> tuple[str | None, str | None]:
    """Tell the scenario and the group of an image.

    Args:
        record (Mapping): What is known of it. Its ``category`` counts, else its folder.
        path_key (str): Where its path stands in the record.

    Returns:
        tuple[str | None, str | None]: Scenario; ``None`` if nothing tells one, as for
        photos. Group of the table, else the folder above its own if that is one.

    Raises:
        ValueError: If the ``category`` is no text.
    """
    category = record.get('category') or ''
    path = record.get(path_key)
    if not isinstance(category, str):
        named = path or f'image {record.get("id")}'
        raise ValueError(f'The category of {named} must be text, got {category!r}.')
    folders = PurePath(path or '').parts[:-1]
    group = folders[-2] if len(folders) > 1 and folders[-2] in GROUPS else None
    name = scenario_name(category)
    if not name and folders:
        name = scenario_name(folders[-1])
        # Any folder may hold photos.
        name = name if group or name in SCENARIOS else ''
    return name or None, SCENARIOS[name].group if name in SCENARIOS else group


def humanized_text_prompt(name: str) -> str:
    """Make a text prompt for a scenario that the table lacks.

    Args:
        name (str): Such as ``'pixel_art'``.

    Returns:
        str: Such as ``'a pixel art image of a person'``.
    """
    words = name.replace('_', ' ')
    article = 'an' if words[0] in 'aeiou' else 'a'
    return f'{article} {words} picture of a person'


def text_prompt_table(
    given: Mapping[str, str | list[str]] | None = None,
) -> dict[str, str | list[str]]:
    """Complete the text prompts that somebody gives.

    Args:
        given (Mapping[str, str | list[str]], optional): Scenario -> text prompt or
            text prompts. ``default`` stands for the scenarios that are not given and for
            images without one.

    Returns:
        dict[str, str | list[str]]: ``default`` and every scenario.
    """
    given = dict(given or {})
    default = given.get('default')
    table = {'default': DEFAULT_TEXT_PROMPT}
    table |= {name: default or s.text_prompt for name, s in SCENARIOS.items()}
    return table | given


def keypoint_text_prompts(text_prompt: str, keypoints: Sequence[str]) -> list[str]:
    """Ask for every keypoint of an image (method, part 1).

    The paper's text prompts, such as "an oil painting of a human's left knee", are made of
    words that not every text prompt has; ours can be made of any.

    Args:
        text_prompt (str): Such as ``'an oil painting of a person'``.
        keypoints (Sequence[str]): Such as ``'left_knee'``.

    Returns:
        list[str]: Such as ``'the left knee in an oil painting of a person'``.
    """
    return [f'the {name.replace("_", " ")} in {text_prompt}' for name in keypoints]


def all_text_prompts(
    table: Mapping[str, str | list[str]] | None = None,
    keypoints: Sequence[str] | None = None,
) -> list[str]:
    """List every text prompt that a table can give, each distinct one once.

    Args:
        table (Mapping[str, str | list[str]], optional): See :func:`text_prompt_table`; ours
            by default.
        keypoints (Sequence[str], optional): Names, where each keypoint has a text prompt.

    Returns:
        list[str]: The text prompts, the default one first.
    """
    text_prompts = []
    for given in (table or text_prompt_table()).values():
        text_prompts += [given] if isinstance(given, str) else given
    if keypoints:
        text_prompts = [
            k for s in text_prompts for k in keypoint_text_prompts(s, keypoints)
        ]
    return list(dict.fromkeys(text_prompts))
