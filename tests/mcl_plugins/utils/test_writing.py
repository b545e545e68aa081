"""Texts are written whole or not at all, and devices are not replaced."""

import json
import os
import threading
from pathlib import Path

import pytest

from mcl_plugins import cli
from mcl_plugins.utils.writing import write_json, write_text


def test_an_error_leaves_the_earlier_file(tmp_path, monkeypatch):
    file = tmp_path / 'new' / 'results.json'
    write_json(file, {'knn': 50.0, 'name': 'é'}, indent=1)
    before = file.read_bytes()
    assert json.loads(before) == {'knn': 50.0, 'name': 'é'} and before.endswith(b'\n}\n')
    with pytest.raises(TypeError):
        write_json(file, {'knn': object()})

    def write_half(path, text, encoding):
        path.write_bytes(text[: len(text) // 2].encode(encoding))
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', write_half)
    with pytest.raises(OSError, match='are free there'):
        write_text(file, 'a whole other text')
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe, read = tmp_path / 'pipe', []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_text(pipe, 'results')
    reader.join(10)
    assert read == ['results'] and pipe.is_fifo()


def test_a_device_is_written_to_and_stays_one(capfd):
    write_json('/dev/null', 1)
    assert Path('/dev/null').is_char_device()
    if not os.access('/dev/fd/1', os.W_OK):
        pytest.skip('the output cannot be opened again')
    write_text('/dev/fd/1', 'results')
    assert capfd.readouterr().out == 'results'


@pytest.mark.parametrize(
    'module', ['evaluate', 'fidelity.py', 'pocket', 'quickstart', 'report', 'reproduce/zoo.py']
)
def test_the_results_of_commands_are_written_so(module):
    """No file of a result is opened before the whole text is there."""
    place = Path(cli.__path__[0], module)
    for file in place.glob('*.py') if place.is_dir() else [place]:
        source = file.read_text().replace('temporary.write_text(', '')
        assert '.write_text(' not in source and 'json.dump(' not in source, file
