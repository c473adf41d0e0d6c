"""The demo model, and images for it."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vlpose_mm import VLPoseInferencer


@pytest.fixture(scope='session')
def demo() -> VLPoseInferencer:
    """The small model that comes with the package."""
    return VLPoseInferencer('mini-drawn', device='cpu')


@pytest.fixture(scope='session')
def art(mini_data: Path) -> Path:
    """Folder of drawn images: group, then scenario."""
    return mini_data / 'HumanArt/images'


@pytest.fixture
def annotations(mini_data: Path) -> str:
    """Annotation file of the validation images in :func:`art`."""
    return str(mini_data / 'HumanArt/annotations/validation_humanart.json')


@pytest.fixture
def sketches(art: Path) -> list[str]:
    """Two drawn images."""
    return sorted(map(str, art.glob('*/sketch/*.jpg')))


@pytest.fixture
def image(sketches: list[str]) -> np.ndarray:
    """One of them, in BGR."""
    return cv2.imread(sketches[0])


@pytest.fixture
def webcam(tmp_path: Path, monkeypatch) -> Callable[[list[np.ndarray]], list[int]]:
    """Put a file in place of all webcams; return the indices of the images it gave."""

    def install(images: list[np.ndarray]) -> list[int]:
        path, read = write_video(tmp_path / 'webcam.mp4', images), []

        class Webcam:
            """Gives the images of the file."""

            def __init__(self, place: int) -> None:
                # Not inherited from: OpenCV's classes corrupt memory then.
                self.file = capture(str(path))

            def __getattr__(self, name: str) -> object:
                return getattr(self.file, name)

            def read(self) -> tuple:
                read.append(len(read))
                return self.file.read()

        capture = cv2.VideoCapture
        monkeypatch.setattr(cv2, 'VideoCapture', Webcam)
        return read

    return install


def write_video(
    path: Path, images: list[np.ndarray], fps: float = 12.0, codec: str = 'mp4v'
) -> Path:
    """Write a video."""
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), code, fps, images[0].shape[1::-1])
    for image in images:
        writer.write(image)
    writer.release()
    return path


def write_clip(
    path: Path,
    timestamps: Sequence[float],
    start: float = 0.0,
    codec: str = 'libx264',
    audio: str | None = 'aac',
    size: tuple[int, int] = (64, 48),
) -> Path:
    """Write a video with a flash and a beep half a second after its first frame.

    Args:
        path (Path): Where to write it.
        timestamps (Sequence[float]): Of its frames, in seconds after the first one.
        start (float): How much later than the audio it begins, in seconds.
        codec, audio (str): Of frames and sound.
        size (tuple[int, int]): Width and height.
    """
    import av

    with av.open(str(path), 'w') as file:
        video = file.add_stream(codec, rate=25)
        (video.width, video.height), video.pix_fmt = size, 'yuv420p'
        video.codec_context.time_base = Fraction(1, 1000)
        sound = file.add_stream(audio, 48000, layout='mono') if audio else None
        file.start_encoding()
        for timestamp in timestamps:
            shade = 255 if 0.5 <= timestamp < 0.7 else 0
            image = np.full((*size[::-1], 3), shade, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = (
                round((timestamp + start) * 1000),
                Fraction(1, 1000),
            )
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if sound is not None:
            times = np.arange(48000 * (timestamps[-1] + start)) / 48000 - start
            beep = np.sin(6283 * times) * ((times >= 0.5) & (times < 0.7))
            for begin in range(0, len(beep), 1024):
                samples = beep[None, begin : begin + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(samples, format='flt', layout='mono')
                frame.sample_rate, frame.pts = 48000, begin
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return path


def set_matrix(path: Path, matrix: tuple[int, ...], box: bytes = b'tkhd') -> None:
    """Write a, b, c and d of a display matrix into the header of an MP4."""
    content = bytearray(path.read_bytes())
    start = content.rindex(box) + (44 if box == b'tkhd' else 40)
    identity = struct.pack('>9i', 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    assert content[start : start + 36] == identity
    a, b, c, d = (value << 16 for value in matrix)
    content[start : start + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
