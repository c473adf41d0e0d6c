"""What the page shows of an image."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vlpose_mm.apis import PoseResult, VLPoseInferencer
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.image_io import decode_image
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.visualization import draw_attention_maps

# What can be chosen beside a scenario.
FIND_OUT = 'find out'
NOTHING = 'nothing'
# A longer text is no text prompt.
MAX_LETTERS = 500
# Longer side of the drawings in pixels: lines are as thick as the image is large, and a
# browser would blur small ones and shrink large ones.
SHOWN = 1024


class Analysis(NamedTuple):
    """The people of an image on both routes.

    Attributes:
        original (PoseResult): With the original weights.
        tuned (PoseResult): With the tuned ones, and :class:`AttentionMaps`.
        auto (str): The route that the model takes with these words, if nobody chooses.
        told (bool): Whether there were words, or the model was left alone.
        unread (str): Which end of the text prompt was too long for the text encoder.
    """

    original: PoseResult
    tuned: PoseResult
    auto: str
    told: bool
    unread: str


def analyze(
    inferencer: VLPoseInferencer,
    path: str | os.PathLike,
    scenario: str = NOTHING,
    text_prompt: str = '',
) -> Analysis:
    """Find the people of an image on both routes.

    Args:
        inferencer (VLPoseInferencer): The model.
        path (str | os.PathLike): The image.
        scenario (str): A scenario, :data:`FIND_OUT` or :data:`NOTHING`.
        text_prompt (str): What is read instead of the scenario's text prompt; none if empty.

    Returns:
        Analysis: The results, of the same boxes on both routes.

    Raises:
        OSError: If the image cannot be read.
        ValueError: If it is too small or too large, or the words are not to be read.
    """
    name = Path(path).name
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise OSError(f'{name} is no longer here; drop it again.') from error
    # Not by its path, which an error would tell.
    image = decode_image(content, name)
    told, route = _words(inferencer, scenario, text_prompt), 'auto'
    if not told and scenario == NOTHING:
        # A classifier would look at what is told nothing.
        route = inferencer.model.router.table['none']
    first = _run(inferencer, dict(image=image, route=route, **told))
    other = 'original' if first.route == 'tuned' else 'tuned'
    again = told
    if not told and first.scenario in SCENARIOS:
        again = dict(scenario=first.scenario)
    if inferencer.detector is not None:
        # It need not look twice. A whole image is no box, which would get a margin.
        boxes = np.column_stack([first.boxes, first.box_scores])  # N, 5
        again = dict(boxes=boxes, **again)
    second = _run(inferencer, dict(image=image, route=other, **again))
    for result in (first, second):
        result.name = name
    # Where nobody is, nobody took it.
    second.route = other
    results = {first.route: first, other: second}
    unread = inferencer.unread(text_prompt) if text_prompt else ''
    return Analysis(**results, auto=first.route, told=bool(told), unread=unread)


def _words(inferencer: VLPoseInferencer, scenario: str, text_prompt: str) -> dict:
    """What the model is told; a text prompt goes before a scenario."""
    if not text_prompt:
        return {} if scenario in (FIND_OUT, NOTHING) else dict(scenario=scenario)
    if len(text_prompt) > MAX_LETTERS:
        raise ValueError(
            f'The text prompt has {len(text_prompt)} letters; write one of at most {MAX_LETTERS}.'
        )
    return dict(prompt=text_prompt)


def _run(inferencer: VLPoseInferencer, item: dict) -> PoseResult:
    """Run the model on one image."""
    reads = inferencer.model.text_encoder is not None
    results = inferencer([item], attention_maps=reads)
    for result in results:
        return result
    raise ValueError(results.failures[0].reason)


def drawings(analysis: Analysis) -> tuple[np.ndarray, np.ndarray]:
    """Draw the original and the tuned skeletons.

    Args:
        analysis (Analysis): The results.

    Returns:
        tuple[np.ndarray, np.ndarray]: The original and the tuned drawing, RGB, H x W x 3,
        :data:`SHOWN` pixels long.
    """
    original, tuned = (
        np.ascontiguousarray(
            result.scaled(SHOWN / max(result.image.shape)).draw()[..., ::-1]
        )  # H, W, 3
        for result in (analysis.original, analysis.tuned)
    )
    return original, tuned


def word_sheet(analysis: Analysis) -> np.ndarray | None:
    """Draw which words the patches of the image read.

    Args:
        analysis (Analysis): The results.

    Returns:
        np.ndarray | None: RGB, H x W x 3; ``None`` if there is nobody, or the model reads
        no words.
    """
    maps = analysis.tuned.attention_maps
    if not maps:
        return None
    return draw_attention_maps(analysis.tuned.image[..., ::-1], maps, columns=5)


def told_line(analysis: Analysis) -> str:
    """Say what was read and what the model does by itself.

    Args:
        analysis (Analysis): The results.

    Returns:
        str: HTML.
    """
    count = len(analysis.tuned)
    if not count:
        return '<p>Nobody was found on this image.</p>'
    lines = []
    prompt = analysis.tuned.prompt
    if prompt:
        read = ' / '.join([prompt] if isinstance(prompt, str) else prompt)
        read = read.removesuffix(analysis.unread).rstrip()
        lines += [f'The tuned weights read <q>{html.escape(read)}</q>.']
    if analysis.unread:
        unread = html.escape(analysis.unread)
        lines += [f'The text prompt is too long for them; cut off was <q>{unread}</q>.']
    scenario = analysis.tuned.scenario or analysis.original.scenario
    if analysis.told:
        given = 'Given these words'
    elif scenario:
        given = f'Taking it for <b>{html.escape(scenario.replace("_", " "))}</b>'
    else:
        given = 'Told nothing'
    lines += [f'{given}, the model by itself uses the <b>{analysis.auto}</b> weights.']
    return f'<p>{" ".join(lines)}</p>'


def score_table(analysis: Analysis) -> str:
    """Lay out how sure each keypoint of each person is.

    Args:
        analysis (Analysis): The results.

    Returns:
        str: HTML; a table for each person.
    """
    names = analysis.tuned.meta['keypoint_id2name']
    pairs = zip(analysis.original.scores, analysis.tuned.scores, strict=True)
    tables = []
    for number, (original, tuned) in enumerate(pairs, 1):
        caption = f'<caption>Person {number}</caption>' if len(analysis.tuned) > 1 else ''
        rows = ''.join(
            f'<tr><th scope="row">{html.escape(names[index].replace("_", " "))}</th>'
            f'{_cell(original[index])}{_cell(tuned[index])}</tr>'
            for index in sorted(names)
        )
        means = f'{_cell(original.mean())}{_cell(tuned.mean())}'
        tables += [
            f'<table class="scores">{caption}<thead><tr><th scope="col">keypoint</th>'
            '<th scope="col">original</th><th scope="col">tuned</th></tr></thead>'
            f'<tbody>{rows}</tbody><tfoot><tr><th scope="row">mean</th>{means}</tr></tfoot>'
            '</table>'
        ]
    return ''.join(tables)


def _cell(score: float) -> str:
    """A score with a bar behind it."""
    width = min(100, max(0, round(100 * float(score))))
    return f'<td style="--bar: {width}%">{float(score):.2f}</td>'


def save_json(result: PoseResult, folder: str | os.PathLike) -> str:
    """Write a result in COCO's format, to be downloaded.

    Args:
        result (PoseResult): The result.
        folder (str | os.PathLike): Where to write it.

    Returns:
        str: The file.

    Raises:
        OSError: If it cannot be written.
    """
    path = os.path.join(folder, f'{Path(result.name).stem}_{result.route}.json')
    with replace_file(path) as file:
        file.write(json.dumps(result.coco(), indent=1).encode())
    return path
