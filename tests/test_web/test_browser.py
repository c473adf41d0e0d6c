"""The page in a browser."""

import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.test_web.serving import Server, open_page, open_window
from vlpose_mm import VLPoseInferencer
from vlpose_mm.apis import to_coco
from vlpose_mm.web.analysis import CLASSIFY, analyze, drawings

PHONE = 390


def upload(page: Page, path: Path) -> None:
    """Upload an image and wait until it is there."""
    with page.expect_response('**/gradio_api/upload?*') as response:
        page.set_input_files('#image input[type=file]', path)
    assert response.value.ok
    page.wait_for_selector('#image img')


def choose(page: Page, name: str) -> None:
    """Choose a scenario from the list."""
    page.click('#scenario input')
    page.get_by_role('option', name=name, exact=True).click()


def estimate(page: Page) -> str:
    """Press the button and wait; return the description."""
    with page.expect_response('**/gradio_api/queue/join*'):
        page.click('#estimate')
    page.wait_for_selector('#slider img')
    expect(page.locator('#description')).to_contain_text('the model chooses')
    return page.inner_text('#description')


def error(page: Page) -> str:
    """The error that is shown."""
    text = page.locator('[data-testid=toast-text]').first
    expect(text).to_be_visible()
    return text.inner_text()


def seen(page: Page) -> list[np.ndarray]:
    """The two images of the slider, left and right."""
    found = []
    for element in page.query_selector_all('#slider img'):
        content = page.request.get(element.get_attribute('src')).body()
        image = Image.open(io.BytesIO(content)).convert('RGB')
        found.append(np.asarray(image).astype(int))
    return found


def saved(page: Page, button: str) -> tuple[str, dict]:
    """Download a file; its name and content."""
    with page.expect_download() as download:
        page.click(button)
    name = download.value.suggested_filename
    return name, json.loads(Path(download.value.path()).read_text())


def covered(tuned: Locator) -> float:
    """How much of the original is seen left of the tuned image, in %."""
    style = tuned.get_attribute('style')
    return float(re.search(r'inset\(.* ([\d.]+)%\)', style)[1])


def width(page: Page) -> int:
    """How wide the whole page is."""
    return page.evaluate('document.documentElement.scrollWidth')


def test_the_results_of_an_uploaded_image_are_shown_and_downloaded(
    page: Page, inferencer: VLPoseInferencer, glass: Path
) -> None:
    upload(page, glass)
    choose(page, 'stained glass')
    assert 'a stained glass picture of a person' in estimate(page)
    found = analyze(inferencer, glass, 'stained_glass')
    shown, wanted = seen(page), drawings(inferencer, found)
    assert len(shown) == 2
    for side, (one, own) in enumerate(zip(shown, wanted, strict=True)):
        # The browser gets a compressed copy.
        difference = np.abs(one - own).mean()
        assert difference < 4 and difference < np.abs(one - wanted[1 - side]).mean()
    for route in ('tuned', 'original'):
        name, content = saved(page, f'#{route}')
        assert name == f'{glass.stem}_{route}.json'
        expected = to_coco([getattr(found, route)], inferencer.model.dataset_meta)
        assert content['images'] == json.loads(json.dumps(expected['images']))
        (instance,), (other,) = content['annotations'], expected['annotations']
        np.testing.assert_allclose(instance['keypoints'], other['keypoints'], atol=0.02)
    page.click('#scores button')
    rows = page.locator('table.scores tbody tr')
    expect(rows).to_have_count(17)
    expect(rows.first).to_contain_text('nose')
    page.click('#attention button >> nth=0')
    sheet = page.locator('#attention img')
    expect(sheet).to_be_visible()
    # At its own size, in which its numbers can be read.
    assert sheet.evaluate('e => e.clientWidth == e.naturalWidth && e.clientWidth > 400')


def test_the_model_classifies_and_the_slider_moves_between_both_routes(
    page: Page, inferencer: VLPoseInferencer, glass: Path
) -> None:
    upload(page, glass)
    found, text = analyze(inferencer, glass, CLASSIFY), estimate(page)
    scenario = (found.tuned['scenario'] or 'Without').replace('_', ' ')
    assert found.auto in text and scenario in text
    tuned = page.locator('#slider img').nth(1)
    assert covered(tuned) == 50
    box = page.locator('#slider [data-testid=slider] .inner').bounding_box()
    frame = page.locator('#slider').bounding_box()
    middle = frame['y'] + frame['height'] / 2
    page.mouse.move(box['x'] + box['width'] / 2, middle)
    page.mouse.down()
    page.mouse.move(box['x'] - 100, middle, steps=5)
    page.mouse.up()
    assert covered(tuned) < 40


def test_an_example_runs_at_once_and_removing_it_hides_its_results(page: Page) -> None:
    page.click('#estimate')
    assert 'upload one' in error(page)
    titles = page.locator('.examples').all_inner_texts()
    expected = ['Photos', 'Drawn and painted', 'Sculptures and reliefs']
    assert [title.strip() for title in titles] == expected
    page.click('.examples button >> nth=-1')
    page.wait_for_selector('#slider img')
    expect(page.locator('#description')).to_contain_text('the model chooses')
    assert page.locator('#image img').count() == 1
    page.click('#image button[aria-label="Remove Image"], #image .top-panel button')
    expect(page.locator('#slider')).to_be_hidden()
    expect(page.locator('#hint')).to_be_visible()


def png(width: int, height: int) -> bytes:
    """A black image of one bit a pixel; a file of some kB, however large it is."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return len(content).to_bytes(4, 'big') + body + zlib.crc32(body).to_bytes(4, 'big')

    header = width.to_bytes(4, 'big') + height.to_bytes(4, 'big') + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(1 + (width + 7) // 8) * height, 9)
    parts = chunk(b'IHDR', header), chunk(b'IDAT', rows), chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('notes.jpg', b'no image', 'notes.jpg is not a readable image'),
        ('huge.png', png(30_000, 30_000), 'more than 178 million pixels'),
        ('large.png', png(8, 8) + bytes(21_000_000), 'maximum allowed size'),
    ],
    ids=['text', '30000x30000', '21 MB'],
)
def test_an_unusable_image_is_refused_in_one_line(
    page: Page, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    page.set_input_files('#image input[type=file]', path)
    if name != 'large.png':
        page.wait_for_selector('#image img', state='attached')
        page.click('#estimate')
    shown = error(page)
    assert reason in shown and 'Traceback' not in shown and '/' not in shown
    expect(page.locator('#slider')).to_be_hidden()
    assert page.locator('#image img').count() == (name != 'large.png')


def test_page_fits_a_phone(phone: Page, glass: Path) -> None:
    assert width(phone) == PHONE
    upload(phone, glass)
    choose(phone, 'stained glass')
    button = phone.locator('#estimate')
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box['x'] >= 0 and box['x'] + box['width'] <= PHONE and box['height'] >= 44
    estimate(phone)
    expect(phone.locator('#slider')).to_be_in_viewport(ratio=0.5)
    phone.click('#scores button')
    phone.click('#attention button >> nth=0')
    expect(phone.locator('#attention img')).to_be_visible()
    assert width(phone) == PHONE
    slider = phone.locator('#slider').bounding_box()
    assert slider['x'] >= 0 and slider['x'] + slider['width'] <= PHONE


def test_page_is_dark_where_the_system_is(
    chromium: Browser, server: Server, page: Page
) -> None:
    def brightness(page: Page) -> float:
        color = page.evaluate('getComputedStyle(document.body).backgroundColor')
        return np.mean([int(part) for part in re.findall(r'\d+', color)[:3]])

    assert brightness(page) > 200
    window = open_window(chromium, 1280, 900, color_scheme='dark')
    assert brightness(open_page(window, server)) < 60
    window.close()


def test_page_and_server_connect_to_nothing_else(
    chromium: Browser, server: Server, glass: Path
) -> None:
    context = chromium.new_context()
    addresses, complaints = [], []
    context.on('request', lambda request: addresses.append(request.url))
    page = context.new_page()
    page.on('console', lambda message: complaints.append(message.text))
    page.goto(server.url)
    upload(page, glass)
    estimate(page)
    page.click('#attention button >> nth=0')
    page.wait_for_timeout(500)
    context.close()
    own = (server.url, 'data:', f'blob:{server.url}')
    assert [url for url in addresses if not url.startswith(own)] == []
    # Nothing was even tried, which the page's policy would stop and complain of.
    assert [text for text in complaints if 'Content Security Policy' in text] == []
    contacted = server.addresses.read_text().splitlines()
    assert contacted and all('127.0.0.1' in line for line in contacted)


def test_two_users_get_the_results_of_their_own_text_prompts(
    page: Page, phone: Page, glass: Path
) -> None:
    for window, words in ((page, 'a church window'), (phone, 'a bronze statue')):
        upload(window, glass)
        window.fill('#text_prompt input, #text_prompt textarea', words)
    page.click('#estimate')
    phone.click('#estimate')
    expect(page.locator('#description')).to_contain_text('a church window')
    expect(phone.locator('#description')).to_contain_text('a bronze statue')
