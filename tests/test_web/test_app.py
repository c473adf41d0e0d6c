"""Files and the queue of the page."""

from pathlib import Path

import pytest
from gradio.route_utils import delete_files_created_by_app
from playwright.sync_api import Browser, expect

from vlpose_mm import VLPoseInferencer
from vlpose_mm.web.app import MAX_WAITING, build_page


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's files in a folder of the test, and a server that leaves logging alone."""
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path))
    monkeypatch.setenv('GRADIO_ANALYTICS_ENABLED', 'False')
    # With it uvicorn would close every log file of this process.
    monkeypatch.setattr('logging.config.dictConfig', lambda config: None)


def test_files_are_deleted_but_examples_and_the_model_serves_one_request_at_a_time(
    inferencer: VLPoseInferencer,
    chromium: Browser,
    glass: Path,
    tmp_path: Path,
) -> None:
    app = build_page(inferencer, {'Examples': [str(glass)]})
    asking = [fn for fn in app.fns.values() if fn.concurrency_id == 'model']
    # The button and the example.
    assert [fn.concurrency_limit for fn in asking] == [1, 1]
    assert app._queue.max_size == MAX_WAITING and not app.analytics_enabled
    frequency, age = app.delete_cache
    assert frequency <= age <= 3600
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, allowed_paths=[str(glass)])
    try:
        page = chromium.new_page()
        page.goto(url)
        page.set_input_files('#image input[type=file]', glass)
        page.wait_for_selector('#image img')
        page.click('#estimate')
        expect(page.locator('#slider img').first).to_be_visible()
        names = [path.name for path in tmp_path.rglob('*') if path.is_file()]
        assert f'{glass.stem}_tuned.json' in names and len(names) >= 6
        # What gradio does every so often, for files of any age.
        delete_files_created_by_app(app, age=0)
        (left,) = [path for path in tmp_path.rglob('*') if path.is_file()]
        assert left.name == glass.name
        page.click('.examples button')
        expect(page.locator('#image img')).to_be_visible()
        page.close()
    finally:
        app.close(verbose=False)


def test_a_model_without_tuned_weights_shows_one_skeleton(
    untuned: VLPoseInferencer,
    chromium: Browser,
    glass: Path,
) -> None:
    app = build_page(untuned, {'Examples': [str(glass)]})
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, allowed_paths=[str(glass)])
    try:
        page = chromium.new_page()
        page.goto(url)
        page.click('.examples button')
        expect(page.locator('#slider img')).to_have_count(1)
        expect(page.locator('#description')).to_contain_text('Answered by')
        for hidden in ('#scenario', '#text_prompt', '#tuned', '.side-by-side'):
            expect(page.locator(hidden)).to_be_hidden()
        with page.expect_download() as download:
            page.click('#original')
        assert download.value.suggested_filename == f'{glass.stem}_original.json'
        page.click('#scores button')
        expect(page.locator('table.scores thead th')).to_have_text(['keypoint', 'original'])
        page.close()
    finally:
        app.close(verbose=False)
