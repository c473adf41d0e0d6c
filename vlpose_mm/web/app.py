"""The page: what is on it, and what its buttons do."""

from __future__ import annotations

import html
import operator
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import gradio as gr
from gradio.data_classes import ImageData

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.web.analysis import (
    FIND_OUT,
    MAX_LETTERS,
    NOTHING,
    analyze,
    drawings,
    save_json,
    score_table,
    told_line,
    word_sheet,
)

# People that may wait for the one model.
MAX_WAITING = 32
# Files are looked through every ten minutes, and deleted when an hour old; in seconds.
DELETE = (600, 3600)
TITLE = """# VLPose
Finds people's poses on photos, paintings, sculptures and cartoons. Say in words what a
image is, and compare the tuned weights with the original ones."""
SIDES = (
    '<div class="sides"><span>◀ original weights</span><span>tuned weights ▶</span></div>'
)
HINT = (
    '<div id="hint">Drop an image{one} or pick one below,<br>'
    'and both skeletons appear here.</div>'
)
# On a phone they are below what is asked for.
SHOW_RESULTS = """() => document.getElementById('results')?.scrollIntoView(
    {behavior: 'smooth', block: innerWidth < 768 ? 'start' : 'nearest'})"""


def build_page(
    inferencer: VLPoseInferencer, examples: Mapping[str, Sequence[str]]
) -> gr.Blocks:
    """Build the page.

    Args:
        inferencer (VLPoseInferencer): The model; it is used by one at a time.
        examples (Mapping[str, Sequence[str]]): Title -> images to try.

    Returns:
        gr.Blocks: The page, to be launched.
    """
    with gr.Blocks(title='VLPose', analytics_enabled=False, delete_cache=DELETE) as page:
        gr.Markdown(TITLE, elem_id='title')
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                image, scenario, text_prompt = _questions(inferencer)
                find = gr.Button('Find poses', variant='primary', elem_id='find')
            with gr.Column(scale=3, min_width=300):
                one = ' of one person' if inferencer.detector is None else ''
                hint = gr.HTML(HINT.format(one=one), padding=False)
                with gr.Column(visible=False, elem_id='results') as results:
                    answers = _answers()
        with gr.Column(visible=False) as details:
            answers += _details()
        shown = [hint, results, details]
        ask = dict(
            fn=_answering(inferencer, image.GRADIO_CACHE),
            inputs=[image, scenario, text_prompt],
            outputs=[*shown, *answers],
            concurrency_limit=1,
            concurrency_id='model',
            api_visibility='private',
        )
        find.click(**ask).success(None, js=SHOW_RESULTS)
        for title, paths in examples.items():
            offered = gr.Dataset(
                label=title,
                components=[gr.Image(visible=False)],
                samples=[[path] for path in paths],
                samples_per_page=len(paths),
                type='index',
                elem_classes='examples',
            )
            # gr.Examples would call past the queue.
            picked = offered.click(
                partial(operator.getitem, paths),
                offered,
                image,
                show_progress='hidden',
                api_visibility='private',
            )
            picked.success(**ask).success(None, js=SHOW_RESULTS)
        # What is shown shall belong to the image above it.
        gr.on(
            [image.upload, image.clear],
            lambda: _showing(False),
            outputs=shown,
            show_progress='hidden',
            api_visibility='private',
        )
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def _questions(
    inferencer: VLPoseInferencer,
) -> tuple[gr.Image, gr.Dropdown, gr.Textbox]:
    """What a person gives."""
    image = gr.Image(
        label='Image',
        sources=['upload', 'clipboard'],
        buttons=[],
        height=300,
        elem_id='image',
    )
    # Hand on the file as it is: our reader knows more kinds, and says what is wrong. (A
    # class of our own would make gradio write a stub beside this file.)
    image.preprocess = _uploaded
    choices = [(name.replace('_', ' '), name) for name in SCENARIOS]
    choices = [('none: tell it nothing', NOTHING), *choices]
    if inferencer.classifies:
        choices = [('find out by itself', FIND_OUT), *choices]
    scenario = gr.Dropdown(
        choices,
        value=choices[0][1],
        label='What kind of image is it?',
        elem_id='scenario',
    )
    known = inferencer.text_prompts
    text_prompt = gr.Textbox(
        label='or say it in a text prompt',
        info=f'This model knows {len(known)}, such as “{known[-1]}”.' if known else None,
        # It may read no words at all.
        visible=known != [],
        placeholder='an oil painting of a person',
        max_length=MAX_LETTERS,
        lines=1,
        elem_id='text_prompt',
    )
    return image, scenario, text_prompt


def _uploaded(payload: ImageData | None) -> str | None:
    """The file that was uploaded."""
    return None if payload is None else payload.path


def _answers() -> tuple:
    """What it is answered, in the order of :func:`_answering`."""
    told = gr.HTML(elem_id='told', padding=False)
    slider = gr.ImageSlider(
        show_label=False,
        interactive=False,
        type='numpy',
        buttons=['fullscreen'],
        elem_id='slider',
    )
    gr.HTML(SIDES, padding=False, elem_classes='side-by-side')
    with gr.Row():
        tuned = gr.DownloadButton('Tuned poses (COCO JSON)', size='sm', elem_id='tuned')
        original = gr.DownloadButton(
            'Original poses (COCO JSON)', size='sm', elem_id='original'
        )
    return told, slider, tuned, original


def _details() -> tuple:
    """What is below, at full width, in the order of :func:`_answering`."""
    with gr.Accordion('How sure each keypoint is', open=False, elem_id='sure'):
        scores = gr.HTML(padding=False)
    with gr.Accordion('Which words were read where', open=False, elem_id='words'):
        words = gr.Image(
            show_label=False,
            interactive=False,
            format='png',
            buttons=['download', 'fullscreen'],
        )
    return scores, words


def _showing(results: bool) -> list:
    """Show the results, or the hint in their place."""
    return [gr.HTML(visible=not results), *[gr.Column(visible=results)] * 2]


def _answering(inferencer: VLPoseInferencer, folder: str) -> Callable:
    """Make what runs the model and fills the page."""

    def answer(path: str | None, scenario: str, text_prompt: str) -> list:
        try:
            if path is None:
                raise ValueError('There is no image yet: drop one, or pick one below.')
            analysis = analyze(inferencer, path, scenario, text_prompt)
            # A folder of its own, as the file is called like the image.
            own = tempfile.mkdtemp(dir=folder)
            files = [save_json(each, own) for each in (analysis.tuned, analysis.original)]
            both = drawings(analysis)
            sheet = word_sheet(analysis)
        except (OSError, ValueError) as error:
            # The name of a file may be anything, and the page takes this for HTML.
            reason = html.escape(str(error), quote=False)
            raise gr.Error(reason, print_exception=False) from error
        return [
            *_showing(True),
            told_line(analysis),
            both,
            *files,
            score_table(analysis),
            gr.Image(sheet, visible=sheet is not None),
        ]

    return answer
