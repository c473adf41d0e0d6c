"""Results are written in order, while there is room for more, and errors are not lost."""

import threading

import numpy as np
import pytest

from vlpose_mm.apis import background
from vlpose_mm.apis.background import Background


def test_all_is_done_in_order_in_another_thread() -> None:
    done = []
    with Background(
        lambda image, result: done.append((result['name'], threading.get_ident()))
    ) as jobs:
        for number in range(9):
            jobs.add(None, dict(name=number))
    names, threads = zip(*done, strict=True)
    assert [*names] == [*range(9)] and {*threads} != {threading.get_ident()}


def test_what_was_added_is_done_when_the_block_fails() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with Background(lambda image, result: done.append(result)) as jobs:
            jobs.add(None, dict(name=1))
            raise KeyboardInterrupt
    assert done == [dict(name=1)]


def test_an_error_ends_the_work_and_is_raised() -> None:
    done = []

    def work(image: None, result: dict) -> None:
        if result['name'] == 1:
            raise OSError('the disk is full')
        done.append(result['name'])

    with pytest.raises(OSError, match='the disk is full'):
        with Background(work) as jobs:
            for number in range(10**6):
                jobs.add(None, dict(name=number))
    assert done == [0]
    with pytest.raises(OSError, match='the disk is full'):
        with Background(work) as jobs:
            jobs.add(None, dict(name=1))


def test_images_wait_for_room(monkeypatch) -> None:
    monkeypatch.setattr(background, 'MAX_WAITING_PIXELS', 100_000)
    image, go = np.zeros((8, 8, 3), np.uint8), threading.Event()
    with Background(lambda image, result: go.wait()) as jobs:
        # One is worked on, two fill the queue: small ones count as 2 ** 16 pixels.
        for _ in range(3):
            jobs.add(image, {})
        late = threading.Thread(target=jobs.add, args=(image, {}))
        late.start()
        late.join(0.2)
        assert late.is_alive()
        go.set()
        late.join()
