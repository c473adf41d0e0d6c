"""The scenarios of Human-Art and their text prompts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vlpose_mm.datasets.image_names import path_parts

DEFAULT_TEXT_PROMPT = 'a photo of a person'


class Scenario(NamedTuple):
    """A scenario: its group in Human-Art, and its text prompt."""

    group: str
    text_prompt: str


REAL, ART_2D, ART_3D = GROUPS = ('real_human', '2D_virtual_human', '3D_virtual_human')

# https://arxiv.org/abs/2303.02760; the names are those of Human-Art's image folders.
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
    """Normalize a name such as ``'Digital art'`` to ``'digital_art'``."""
    return '_'.join(text.lower().replace('-', ' ').replace('_', ' ').split())


def find_scenario(record: Mapping, path_key: str) -> tuple[str | None, str | None]:
    """Find the scenario and the group of an image.

    Args:
        record (Mapping): Its ``category``, or else its path, whose folder may name the
            scenario.
        path_key (str): Key of the path in the record.

    Returns:
        tuple[str | None, str | None]: Scenario, ``None`` if there is none, as for photos;
        and group: that of the scenario, or else the parent folder if it is a group.

    Raises:
        ValueError: If the ``category`` is not text.
    """
    category = record.get('category') or ''
    path = record.get(path_key)
    if not isinstance(category, str):
        image = path or f'image {record.get("id")}'
        raise ValueError(f'The category of {image} must be text, got {category!r}.')
    folders = path_parts(path or '')[:-1]
    group = folders[-2] if len(folders) > 1 and folders[-2] in GROUPS else None
    name = scenario_name(category)
    if not name and folders:
        name = scenario_name(folders[-1])
        # Other folders may be of photos.
        name = name if group or name in SCENARIOS else ''
    return name or None, SCENARIOS[name].group if name in SCENARIOS else group


def text_prompt_from_name(name: str) -> str:
    """Make a text prompt for a scenario that is not in :data:`SCENARIOS`."""
    words = name.replace('_', ' ')
    article = 'an' if words[0] in 'aeiou' else 'a'
    return f'{article} {words} picture of a person'


def text_prompt_table(
    text_prompts: Mapping[str, str | list[str]] | None = None,
) -> dict[str, str | list[str]]:
    """Return the text prompts of all scenarios.

    Args:
        text_prompts (Mapping[str, str | list[str]], optional): Scenario -> text prompt, to
            add to the table or to replace in it. ``default`` is for images without a
            scenario and for all scenarios that are not listed.

    Returns:
        dict[str, str | list[str]]: ``default`` and every scenario -> text prompt.
    """
    text_prompts = dict(text_prompts or {})
    default = text_prompts.get('default')
    table: dict[str, str | list[str]] = {'default': DEFAULT_TEXT_PROMPT}
    table |= {name: default or s.text_prompt for name, s in SCENARIOS.items()}
    return table | text_prompts


def keypoint_text_prompts(text_prompt: str, keypoints: Sequence[str]) -> list[str]:
    """Make a text prompt for each keypoint, such as ``'the left knee in a mural'``.

    The paper's, such as "an oil painting of a human's left knee", work only for text
    prompts that end in "a human"; these work for any.
    """
    return [f'the {name.replace("_", " ")} in {text_prompt}' for name in keypoints]


def all_text_prompts(
    table: Mapping[str, str | list[str]] | None = None,
    keypoints: Sequence[str] | None = None,
) -> list[str]:
    """List the distinct text prompts of a table, the default one first.

    Args:
        table (Mapping[str, str | list[str]], optional): By default that of
            :func:`text_prompt_table`.
        keypoints (Sequence[str], optional): Keypoint names, for text prompts per keypoint.
    """
    texts: list[str] = []
    for text_prompt in (table or text_prompt_table()).values():
        texts += [text_prompt] if isinstance(text_prompt, str) else text_prompt
    if keypoints:
        texts = sum((keypoint_text_prompts(text, keypoints) for text in texts), [])
    return list(dict.fromkeys(texts))
