"""Encode videos with the times of their frames and their audio, by PyAV."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from itertools import islice

import av
import cv2
import numpy as np
from mmengine.logging import print_log

from vlpose_mm.apis.videos import Video

# Ticks a second of frames with their own times: a whole number of them for most rates.
TICKS = 60000
# What players find in an MP4; other audio becomes AAC.
MP4_AUDIO = ('aac', 'ac3', 'alac', 'eac3', 'flac', 'mp3', 'opus')


class AVEncoder:
    """Encodes frames at their own times, with the audio of the video that they are of."""

    def __init__(self, path: str, video: Video, size: tuple[int, int]) -> None:
        self._last = -1
        self._audio = Audio.find(video)
        try:
            self._open(path, video.fps, size)
        except (OSError, ValueError, av.FFmpegError) as error:
            if self._audio is None:
                raise OSError(f'PyAV makes no {path} ({error})') from error
            # What its header says of audio may be wrong.
            self._audio.stop(error)
            self._audio = None
            with self._errors():
                self._open(path, video.fps, size)

    def write(self, image: np.ndarray, timestamp: float) -> None:
        """Append a frame, in RGB."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            # Colors have half the resolution.
            sides = 0, height % 2, 0, width % 2
            image = cv2.copyMakeBorder(image, *sides, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(image, format='rgb24')
        self._last = frame.pts = max(self._last + 1, round(timestamp * TICKS))
        frame.time_base = Fraction(1, TICKS)
        with self._errors():
            self._container.mux(self._stream.encode(frame))
        if self._audio is not None:
            self._audio.mux(timestamp)

    def close(self, keep: bool = True) -> None:
        """Finish the file; if it is not kept, without the rest of the audio."""
        with self._errors():
            self._container.mux(self._stream.encode(None))
        if self._audio is not None and keep:
            self._audio.mux(math.inf)
        with self._errors():
            self._container.close()

    def _open(self, path: str, fps: float, size: tuple[int, int]) -> None:
        self._container = av.open(path, 'w', options=dict(movflags='faststart'))
        codec, options = 'mpeg4', dict(qscale='3')
        if 'libx264' in av.codecs_available:
            codec, options = 'libx264', dict(preset='veryfast', crf='20')
            # Not to the standard error.
            options['x264-params'] = 'log=-1'
        rate = Fraction(min(max(fps, 0.01), 1000)).limit_denominator(1001)
        self._stream = self._container.add_stream(codec, rate=rate, options=options)
        width, height = size
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = Fraction(1, TICKS)
        if self._audio is not None:
            self._audio.attach(self._container)
        self._container.start_encoding()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, av.FFmpegError) as error:
            raise OSError(str(error)) from error


class Audio:
    """The first audio stream of a video."""

    def __init__(self, video: Video) -> None:
        self._name = video.name
        # Metadata may be in any encoding.
        open_file = partial(av.open, video.path, metadata_errors='ignore')
        with open_file() as file:
            stream = file.streams.audio[0]
            # Before PyAV 18, decoding without a decoder crashes.
            if stream.codec_context is None:
                raise ValueError('nothing decodes it')
            # A wrong header would fail when the file is closed, and take the video with it.
            if not any(map(_decoded, islice(file.demux(stream), 50))):
                raise ValueError('it cannot be decoded')
        self._file = open_file()
        self._input = self._file.streams.audio[0]
        frames = self._file.streams.video[0]
        #: When its first frame is, in seconds.
        self._start = (frames.start_time or 0) * frames.time_base
        self._is_copied = self._input.codec.canonical_name in MP4_AUDIO
        self._packets: Iterator[av.Packet] = iter(())
        self._next: av.Packet | None = None

    @classmethod
    def find(cls, video: Video) -> Audio | None:
        """Return the audio of a video if there is some."""
        if video.path is None:
            return None
        try:
            return cls(video)
        except IndexError:
            # There is none.
            return None
        except Exception as error:
            # Whatever it is, the frames matter more.
            warn_of_audio(video.name, error)
            return None

    def attach(self, container: av.container.OutputContainer) -> None:
        """Add it to a file."""
        self._container = container
        if self._is_copied:
            self._output = container.add_stream_from_template(self._input)
        else:
            layout = 'mono' if self._input.codec_context.channels == 1 else 'stereo'
            self._output = container.add_stream('aac', 48000, layout=layout)
        self._packets = self._read()

    def mux(self, until: float) -> None:
        """Write what is heard before so many seconds after the first frame."""
        try:
            while True:
                if self._next is None:
                    self._next = next(self._packets, None)
                if self._next is None or self._next.dts * self._next.time_base > until:
                    return
                self._container.mux(self._next)
                self._next = None
        except Exception as error:
            self.stop(error)

    def stop(self, error: Exception) -> None:
        """Leave out the rest of it."""
        self._packets, self._next = iter(()), None
        self._file.close()
        warn_of_audio(self._name, error)

    def _read(self) -> Iterator[av.Packet]:
        """Yield its packets from the first frame on."""
        shift = round(self._start / self._input.time_base)
        for packet in self._file.demux(self._input):
            if not self._is_copied:
                for frame in packet.decode():
                    frame.pts -= shift
                    if frame.pts >= 0:
                        yield from self._output.encode(frame)
            elif packet.dts is not None:
                packet.dts -= shift
                packet.pts = packet.dts
                if packet.dts + packet.duration > 0:
                    packet.stream = self._output
                    yield packet
        if not self._is_copied:
            yield from self._output.encode(None)
        self._file.close()


def _decoded(packet: av.Packet) -> list[av.AudioFrame]:
    """Decode a packet; the first ones of a recording may lack what they build on."""
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return []


def warn_of_audio(name: str, error: Exception) -> None:
    """Say that audio is left out."""
    print_log(
        f'{name}: its audio, or the rest of it, is left out ({error}).',
        logger='current',
        level=logging.WARNING,
    )
