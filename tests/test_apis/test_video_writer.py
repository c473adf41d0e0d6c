"""Videos are written with their frames, their times and their audio."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.test_apis.conftest import write_clip, write_video
from vlpose_mm.apis import av_encoder, video_writer
from vlpose_mm.apis.video_writer import OpenCVEncoder, VideoWriter, writable_fps
from vlpose_mm.apis.videos import Video, open_video

IMAGE = np.zeros((48, 64, 3), np.uint8)
# Seconds.
UNEVEN = [0, 0.04, 0.08, 0.3, 0.5, 0.54, 0.6, 0.7, 0.96, 1.0, 1.5]


@pytest.fixture(params=[True, False], ids=['PyAV', 'OpenCV'])
def has_av(request: pytest.FixtureRequest, monkeypatch) -> bool:
    """Write with PyAV, and as if it were not installed."""
    monkeypatch.setattr(video_writer, 'HAS_AV', request.param)
    return request.param


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    """What is logged."""
    logged: list[str] = []
    monkeypatch.setattr(av_encoder, 'print_log', lambda text, **_: logged.append(text))
    return logged


def copy(path: Path, out: Path) -> Path:
    """Write a video again, as it is drawn on."""
    video, frames = open_video(str(path), path.name)
    writer = None
    for image, timestamp in frames:
        writer = writer or VideoWriter(str(out), video, image.shape[1::-1])
        writer.write(image[..., ::-1], timestamp)
    writer.close(keep=True)
    assert [each.name for each in out.parent.iterdir() if each != path] == [out.name]
    return out


def decode(path: Path, kind: str) -> list[tuple[float, np.ndarray]]:
    """Return the time and the content of each frame or piece of audio."""
    with av.open(str(path)) as file:
        streams = getattr(file.streams, kind)
        frames = file.decode(streams[0]) if streams else ()
        return [(frame.time, frame.to_ndarray()) for frame in frames]


def beginning_of_beep(path: Path) -> float:
    loud = [
        time + np.flatnonzero(level > 0.1 * scale)[0] / 48000
        for time, samples in decode(path, 'audio')
        for scale in [32768 if samples.dtype == np.int16 else 1]
        for level in [np.abs(samples[0].astype(float))]
        if level.max() > 0.1 * scale
    ]
    return loud[0]


@pytest.mark.parametrize(
    ('suffix', 'codec', 'audio', 'written'),
    [
        ('mp4', 'libx264', 'aac', 'aac'),
        ('mkv', 'libx264', 'flac', 'flac'),
        ('webm', 'libvpx', 'libopus', 'opus'),
        ('mov', 'libx264', 'pcm_s16le', 'aac'),
    ],
)
@pytest.mark.parametrize('start', [0, 0.3])
def test_frames_keep_their_times_and_are_heard_in_time(
    start: float, suffix: str, codec: str, audio: str, written: str, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / f'clip.{suffix}', UNEVEN, start, codec, audio)
    out = copy(path, tmp_path / 'out.mp4')
    assert [time for time, _ in decode(out, 'video')] == pytest.approx(UNEVEN, abs=1e-3)
    with av.open(str(out)) as file:
        assert file.streams.video[0].codec.canonical_name == 'h264'
        assert [each.codec.canonical_name for each in file.streams.audio] == [written]
    # AAC blurs what begins suddenly.
    assert beginning_of_beep(out) == pytest.approx(0.5, abs=0.03)


def test_a_silent_video_stays_silent(tmp_path: Path, warnings: list[str]) -> None:
    path = write_clip(tmp_path / 'clip.mp4', UNEVEN, audio=None)
    out = copy(path, tmp_path / 'out.mp4')
    assert len(decode(out, 'video')) == len(UNEVEN) and not decode(out, 'audio')
    assert not warnings


@pytest.mark.parametrize('codec', [b'A_UNKNOWN', b'A_FLAC'])
def test_a_video_with_broken_audio_is_written(
    codec: bytes, tmp_path: Path, warnings: list[str]
) -> None:
    path = write_clip(tmp_path / 'clip.mkv', UNEVEN, audio='pcm_s16le')
    name = b'A_PCM/INT/LIT'
    content = path.read_bytes()
    assert name in content
    # FLAC needs a header, which is not there.
    path.write_bytes(content.replace(name, codec.ljust(len(name), b'\0')))
    out = copy(path, tmp_path / 'out.mp4')
    assert len(decode(out, 'video')) == len(UNEVEN) and not decode(out, 'audio')
    (warning,) = warnings
    assert warning.startswith('clip.mkv: its audio, or the rest of it, is left out (')


def test_a_video_whose_audio_no_mp4_takes_is_written(
    tmp_path: Path, warnings: list[str], monkeypatch
) -> None:
    monkeypatch.setattr(av_encoder, 'MP4_AUDIO', ('adpcm_ima_qt',))
    path = write_clip(tmp_path / 'clip.mov', UNEVEN, audio='adpcm_ima_qt')
    out = copy(path, tmp_path / 'out.mp4')
    assert len(decode(out, 'video')) == len(UNEVEN) and len(warnings) == 1


def test_audio_that_breaks_off_does_not_end_the_video(
    tmp_path: Path, warnings: list[str]
) -> None:
    path = write_clip(tmp_path / 'clip.mkv', UNEVEN, audio='mp2')
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [each for each in file.demux(*file.streams.audio) if each.size]
    for packet in packets[len(packets) // 2 :]:
        begin = content.index(bytes(packet), packet.pos)
        content[begin : begin + packet.size] = b'\xff' * packet.size
    path.write_bytes(content)
    out = copy(path, tmp_path / 'out.mp4')
    assert len(decode(out, 'video')) == len(UNEVEN)
    assert 0.3 < decode(out, 'audio')[-1][0] < 1.2
    assert len(warnings) == 1


def test_a_video_of_any_size_is_written(has_av: bool, tmp_path: Path) -> None:
    for width, height in ((8, 8), (65, 49), (64, 47)):
        path = str(tmp_path / 'clip.mp4')
        writer = VideoWriter(path, Video('', 25, False), (width, height))
        image = np.full((height, width, 3), 200, np.uint8)
        for frame in range(3):
            writer.write(image, frame / 25)
        writer.close(keep=True)
        images = [image for _, image in decode(Path(path), 'video')]
        assert len(images) == 3 and abs(images[0].mean() - 200) < 40


def test_frames_at_one_time_are_all_written(tmp_path: Path) -> None:
    writer = VideoWriter(str(tmp_path / 'clip.mp4'), Video('', 1e9, False), (64, 48))
    for _ in range(5):
        writer.write(IMAGE, 0.0)
    writer.close(keep=True)
    assert len(decode(tmp_path / 'clip.mp4', 'video')) == 5


def test_a_writer_that_fails_says_so_and_leaves_nothing(
    has_av: bool, tmp_path: Path
) -> None:
    video, out = Video('clip.mp4', 25, False), tmp_path / 'out'
    library = 'PyAV' if has_av else 'OpenCV'
    message = f'Cannot write .*/clip.mp4 of 0 x 48 pixels: {library} makes no .*; look at'
    with pytest.raises(OSError, match=message):
        VideoWriter(str(out / 'clip.mp4'), video, (0, 48))
    writer = VideoWriter(str(out / 'clip.mp4'), video, (64, 48))
    writer.write(IMAGE, 0.0)
    (written,) = out.iterdir()
    written.unlink()
    with pytest.raises(OSError, match='Cannot write the video .*/clip.mp4: '):
        writer.close(keep=True)
    assert not list(out.iterdir())
    writer = VideoWriter(str(out / 'clip.mp4'), video, (64, 48))
    writer.write(IMAGE, 0.0)
    writer.close(keep=False)
    assert not list(out.iterdir())


RATES = [0.05, 1, 7.5, 23.976, 29.97, 59.94005, 65.536, 66.667, 98.567, 120.013, 211.222]
RATES += [655.36, 1000, 6553.55, 65535, 65535.9, 90000]


@pytest.mark.parametrize('fps', RATES)
def test_any_rate_is_written_within_one_percent(fps: float, tmp_path: Path) -> None:
    encoder = OpenCVEncoder(str(tmp_path / 'clip.mp4'), Video('', fps, False), (64, 48))
    for _ in range(5):
        encoder.write(IMAGE, 0.0)
    encoder.close()
    video, frames = open_video(str(tmp_path / 'clip.mp4'), 'clip.mp4')
    assert video.fps == pytest.approx(fps, rel=0.01)
    assert len(list(frames)) == 5


@pytest.mark.parametrize(
    ('fps', 'expected'), [(1e-9, 0.002), (1 / 60, 0.017), (1e9, 65535)]
)
def test_other_rates_are_the_nearest(fps: float, expected: float, tmp_path: Path) -> None:
    assert writable_fps(fps) == expected
    path = write_video(tmp_path / 'clip.mp4', [IMAGE] * 3, writable_fps(fps))
    assert open_video(str(path), 'clip.mp4')[0].fps == pytest.approx(expected)
