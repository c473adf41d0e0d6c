"""Build the page."""

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
    CLASSIFY,
    MAX_TEXT_PROMPT,
    NONE,
    analyze,
    attention_sheet,
    drawings,
    save_json,
)
from vlpose_mm.web.fragments import description, score_tables

# Requests that may wait for the model.
MAX_WAITING = 32
# In seconds: files are checked every ten minutes, and deleted when an hour old.
DELETE = (600, 3600)
TITLE = """# VLPose
Estimates human poses on photos, paintings, sculptures and cartoons. """
COMPARE = 'Describe an image, and compare the tuned weights with the original ones.'
SIDES = (
    '<div class="sides"><span>◀ original weights</span><span>tuned weights ▶</span></div>'
)
HINT = (
    '<div id="hint">Upload an image{one} or pick one below,<br>'
    'and its skeletons appear here.</div>'
)
# On a phone they are below the form.
SHOW_RESULTS = """() => document.getElementById('results')?.scrollIntoView(
    {behavior: 'smooth', block: innerWidth < 768 ? 'start' : 'nearest'})"""


def build_page(
    inferencer: VLPoseInferencer, examples: Mapping[str, Sequence[str]]
) -> gr.Blocks:
    """Build the page."""
    with gr.Blocks(title='VLPose', analytics_enabled=False, delete_cache=DELETE) as page:
        title = TITLE + (COMPARE if inferencer.is_tuned else '')
        gr.Markdown(title, elem_id='title')
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                image, scenario, text_prompt = _form(inferencer)
                estimate = gr.Button(
                    'Estimate poses', variant='primary', elem_id='estimate'
                )
            with gr.Column(scale=3, min_width=300):
                one = ' of one person' if inferencer.detector is None else ''
                hint = gr.HTML(HINT.format(one=one), padding=False)
                with gr.Column(visible=False, elem_id='results') as results:
                    outputs = _results(inferencer.is_tuned)
        with gr.Column(visible=False) as details:
            outputs += _details()
        shown = [hint, results, details]
        run = dict(
            fn=_runner(inferencer, image.GRADIO_CACHE),
            inputs=[image, scenario, text_prompt],
            outputs=[*shown, *outputs],
            concurrency_limit=1,
            concurrency_id='model',
            api_visibility='private',
        )
        estimate.click(**run).success(None, js=SHOW_RESULTS)
        for title, paths in examples.items():
            offered = gr.Dataset(
                label=title,
                components=[gr.Image(visible=False)],
                samples=[[path] for path in paths],
                samples_per_page=len(paths),
                type='index',
                elem_classes='examples',
            )
            # gr.Examples would bypass the queue.
            picked = offered.click(
                partial(operator.getitem, paths),
                offered,
                image,
                show_progress='hidden',
                api_visibility='private',
            )
            picked.success(**run).success(None, js=SHOW_RESULTS)
        # Results of another image must not stay.
        gr.on(
            [image.upload, image.clear],
            lambda: _showing(False),
            outputs=shown,
            show_progress='hidden',
            api_visibility='private',
        )
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def _form(inferencer: VLPoseInferencer) -> tuple[gr.Image, gr.Dropdown, gr.Textbox]:
    image = gr.Image(
        label='Image',
        sources=['upload', 'clipboard'],
        buttons=[],
        height=300,
        elem_id='image',
    )
    # Our reader takes the file: it knows more formats and better errors. (For a
    # subclass gradio would write a stub beside this file.)
    image.preprocess = _uploaded
    choices = [(name.replace('_', ' '), name) for name in SCENARIOS]
    choices = [('none', NONE), *choices]
    # The original weights read nothing.
    is_tuned = inferencer.is_tuned
    if is_tuned and inferencer.model.scenario_classifier is not None:
        choices = [('classify', CLASSIFY), *choices]
    scenario = gr.Dropdown(
        choices,
        value=choices[0][1],
        label='Scenario',
        visible=is_tuned,
        elem_id='scenario',
    )
    encoder = inferencer.text_encoder
    known = [] if encoder is None else encoder.known
    text_prompt = gr.Textbox(
        value='',
        label='Text prompt, in place of the scenario',
        info=f'This model knows {len(known)}, such as “{known[-1]}”.' if known else None,
        # A model may have no text encoder.
        visible=is_tuned and known != [],
        placeholder='an oil painting of a person',
        max_length=MAX_TEXT_PROMPT,
        lines=1,
        elem_id='text_prompt',
    )
    return image, scenario, text_prompt


def _uploaded(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path


def _results(is_tuned: bool) -> tuple:
    """Return the outputs beside the form, in the order of :func:`_runner`."""
    text = gr.HTML(elem_id='description', padding=False)
    kind = gr.ImageSlider if is_tuned else gr.Image
    slider = kind(
        show_label=False,
        interactive=False,
        type='numpy',
        buttons=['fullscreen'],
        elem_id='slider',
    )
    if is_tuned:
        gr.HTML(SIDES, padding=False, elem_classes='side-by-side')
    with gr.Row():
        buttons = [
            gr.DownloadButton(
                f'{route.capitalize()} poses (COCO JSON)', size='sm', elem_id=route
            )
            for route in (('original', 'tuned') if is_tuned else ('original',))
        ]
    return text, slider, *buttons


def _details() -> tuple:
    """Return the outputs below, in the order of :func:`_runner`."""
    with gr.Accordion('Keypoint scores', open=False, elem_id='scores'):
        scores = gr.HTML(padding=False)
    with gr.Accordion('Attention maps', open=False, elem_id='attention'):
        attention = gr.Image(
            show_label=False,
            interactive=False,
            format='png',
            buttons=['download', 'fullscreen'],
        )
    return scores, attention


def _showing(results: bool) -> list:
    """Show the results or the hint."""
    return [gr.HTML(visible=not results), *[gr.Column(visible=results)] * 2]


def _runner(inferencer: VLPoseInferencer, folder: str) -> Callable:
    """Return the function that runs the model and fills the page."""
    dataset_meta = inferencer.model.dataset_meta

    def run(path: str | None, scenario: str, text_prompt: str) -> list:
        try:
            if path is None:
                raise ValueError('There is no image yet: upload one, or pick one below.')
            analysis = analyze(inferencer, path, scenario, text_prompt)
            # A new folder, as the file is named like the image.
            own = tempfile.mkdtemp(dir=folder)
            files = [
                save_json(result, dataset_meta, own) for result in analysis.results.values()
            ]
            drawn = drawings(inferencer, analysis)
            sheet = attention_sheet(analysis)
        except (OSError, ValueError) as error:
            # A file name may be anything, and the page takes this for HTML.
            reason = html.escape(str(error), quote=False)
            raise gr.Error(reason, print_exception=False) from error
        return [
            *_showing(True),
            description(inferencer, analysis),
            tuple(drawn) if inferencer.is_tuned else drawn[0],
            *files,
            score_tables(analysis, dataset_meta),
            gr.Image(sheet, visible=sheet is not None),
        ]

    return run
