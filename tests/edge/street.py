"""A street without models: people are coloured rectangles, eyes that see just these, a recording, and a real camera.

The camera is a small HTTP server that sends MJPEG, as many network cameras do; it can vanish, fall silent and return.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision import Boxes, Face, FaceShot, Floats, MaskVote, Picture
from shared.face_mask import FaceMask

WIDTH, HEIGHT, FPS = 320, 240, 10
_RED, _GREEN = (200, 30, 30), (30, 200, 30)


def picture(index: int, people: int = 1) -> Picture:
    """Frame `index` of a street of grey noise: person k is a rectangle that moves to the right, and round again."""
    rgb = np.random.default_rng(index).integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for person in range(people):
        x = (20 + 4 * index + 100 * person) % (WIDTH - 50)
        rgb[60:200, x : x + 40] = _RED if person % 2 == 0 else _GREEN
    return rgb


def recording(path: Path, frames: int, people: int = 1) -> Path:
    """A video of the street; the last fifth of it is empty."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    for index in range(frames):
        writer.write(picture(index, people if index < frames * 0.8 else 0)[:, :, ::-1])
    writer.release()
    return path


class PlainEyes:
    """A Vision that finds coloured rectangles; each has a face, and the colour is who it is."""

    def people(self, rgb: Picture) -> tuple[Boxes, npt.NDArray[np.float64]]:
        spread = (rgb.max(axis=2) > rgb.min(axis=2) + 90).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(spread)
        found = [stats[i] for i in range(1, count) if stats[i][cv2.CC_STAT_AREA] > 1000]
        boxes = [[x, y, x + width, y + height] for x, y, width, height, _ in found]
        return np.array(boxes, np.float64).reshape(-1, 4), np.full(len(boxes), 0.9)

    def faces(self, rgb: Picture) -> Sequence[FaceShot]:
        height, width = rgb.shape[:2]
        face = Face(np.array([0, 0, width, height], np.float32), np.ones((6, 2), np.float32), 0.9)
        return [FaceShot(rgb.copy(), face, 0.7)]

    def embed_face(self, shot: FaceShot) -> Floats:
        return _unit(shot.rgb, 192)

    def judge_mask(self, shot: FaceShot) -> MaskVote:
        return MaskVote(FaceMask.ABSENT, 0.9)

    def embed_appearance(self, rgb: Picture) -> Floats:
        return _unit(rgb, 1280)


def _unit(rgb: Picture, size: int) -> Floats:
    vector = np.ones(size, np.float32) * 0.01
    vector[:3] = rgb.reshape(-1, 3).mean(axis=0)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class NetworkCamera:
    """Serves the street as MJPEG on one port until it vanishes; the same port serves again after `appear`."""

    def __init__(self, frames: int = 10**6) -> None:
        self._frames, self._port = frames, 0
        self._server: ThreadingHTTPServer | None = None
        self._gone = threading.Event()
        self.silent = False
        self.served = 0
        self.appear()

    @property
    def address(self) -> str:
        return f"http://user:hunter2@127.0.0.1:{self._port}/video.mjpg"

    def appear(self) -> None:
        self._gone = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler(self._gone))
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def vanish(self) -> None:
        if self._server:
            self._gone.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _jpegs(self, gone: threading.Event) -> Iterator[bytes]:
        for index in range(self._frames):
            if gone.wait(1 / 30):
                return
            if not self.silent:
                ok, encoded = cv2.imencode(".jpg", picture(index)[:, :, ::-1])
                assert ok
                yield encoded.tobytes()
                self.served += 1

    def _handler(self, gone: threading.Event) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    for jpeg in camera._jpegs(gone):
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    return  # whoever looked has hung up

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        return Handler
