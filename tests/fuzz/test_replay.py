"""What fuzzing found stays mended: each file of the corpus, and each whole file of the seeds, is read again."""

from __future__ import annotations

import time

import pytest

from fuzz.targets import CORPUS, TARGETS, replay

SECONDS = 20.0
"""Of CPU: a guard against a reader that does not end, with a wide margin."""


@pytest.mark.parametrize("name", TARGETS)
def test_corpus(name: str) -> None:
    """No input of the corpus raises what its reader does not document, or costs without end."""
    for file, data in replay(name):
        begun = time.process_time()
        try:
            TARGETS[name](data)
        except Exception as error:
            raise AssertionError(f"corpus/{name}/{file}") from error
        assert time.process_time() - begun < SECONDS, file


def test_every_folder_has_a_target() -> None:
    """No find is left behind when a target gets another name."""
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    """Every target has something to begin with, and reads it."""
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for data in seeds[:3]:
        TARGETS[name](data)
