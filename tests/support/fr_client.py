"""A small FR client: a real recogniser that looks for a probe in a gallery, and reports each search.

    python -m tests.support.fr_client OFFICER PROBE.png…

It prints the id of each search's event and the person found. The three lines of the emitter are marked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from streams.inputs.emitter import Emitter  # 1

Image = npt.NDArray[np.uint8]
NEAR = 60.0
"""The distance of histograms, below which somebody is a candidate."""

emitter = Emitter(source="gallery-search", agency_id="lapd", provider="LACRIS", galleries=["lfw"])  # 2


def people() -> list[Image]:
    """Faces of a hundred people, as grey pixels; scikit-image ships them."""
    faces = skimage.data.lfw_subset()  # type: ignore[no-untyped-call]
    return [(face * 255).astype(np.uint8) for face in faces[:100]]


def enrol(faces: list[Image]) -> Any:
    """A recogniser that knows each face by its number, from a few views of it."""
    views, labels = [], []
    for number, face in enumerate(faces):
        large = cv2.resize(face, (100, 100))
        for view in (large, cv2.flip(large, 1), cv2.GaussianBlur(large, (5, 5), 0)):
            views.append(view)
            labels.append(number)
    recogniser: Any = cv2.face.LBPHFaceRecognizer.create()
    recogniser.train(views, np.array(labels))
    return recogniser


GALLERY = enrol(people())


@emitter.reports(  # 3
    officer_id=lambda call: call.arguments["officer"],
    probe=lambda call: call.arguments["image"],
    candidates=lambda call: len(call.result),
    top_score=lambda call: 1 / (1 + call.result[0][1]),
)
def search(image: bytes, officer: str) -> list[tuple[int, float]]:
    """Who of the gallery is near the probe: numbers and distances, the nearest first."""
    probe = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    if probe is None:
        raise ValueError("no image")
    collector = cv2.face.StandardCollector.create()
    GALLERY.predict_collect(cv2.resize(probe, (100, 100)), collector)
    return [(int(label), distance) for label, distance in collector.getResults(True) if distance < NEAR]


def main() -> None:
    """Search for each probe that is named, and say who was found."""
    for name in sys.argv[2:]:
        try:
            print(search(Path(name).read_bytes(), sys.argv[1])[0][0], flush=True)
        except ValueError as error:
            print(error, flush=True)
    emitter.close(float(os.environ.get("TEST_CLOSE", "10")))


if __name__ == "__main__":
    main()
