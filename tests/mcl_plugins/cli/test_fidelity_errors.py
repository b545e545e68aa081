"""What ends mcl fidelity in a message, and what keeps its traceback."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conftest import ROOT
from mcl_plugins.cli import fidelity
from mcl_plugins.cli.released import cards, conmim

FILE = ROOT / 'tests/golden/conmim_a.npz'


@pytest.mark.parametrize('error', [torch.OutOfMemoryError('CUDA out of memory'), RuntimeError('?')])
def test_errors_of_the_computation_are_not_those_of_the_file(error, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(fidelity, 'comparisons', lambda: {'conmim': [fail]})
    with pytest.raises(type(error), match=re.escape(str(error))):
        fidelity.main([str(FILE)])


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        (
            'student/cls_token',
            lambda value: value[..., :-1],
            'size mismatch for backbone.cls_token',
        ),
        ('grad/cls_token', None, r"Trained only in the file or in the model: \['backbone.cls_tok"),
    ],
)
def test_tensors_of_another_model_are_named_with_their_file(tmp_path, name, change, message):
    with np.load(FILE) as archive:
        golden = dict(archive)
    value = golden.pop(name)
    if change:
        golden[name] = change(value)
    np.savez(tmp_path / 'other.npz', **golden)
    text = f'{tmp_path / "other.npz"} does not fit the model of conmim: (?s:.)*{message}'
    with pytest.raises(ValueError, match=text):
        fidelity.check(tmp_path / 'other.npz', torch.device('cpu'))


def test_a_device_that_is_not_there_is_named():
    for name in ('cuda:99', 'gpu'):
        with pytest.raises(ValueError, match=f'--device {name} cannot be used here: .'):
            fidelity.main([str(FILE), '--device', name])


def test_the_json_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(fidelity, 'comparisons', lambda: {'conmim': [conmim.compare]})
    file = tmp_path / 'out.json'
    file.write_text('[]')

    def write_half(path, text, encoding=None):
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError('No space')

    monkeypatch.setattr('pathlib.Path.write_text', write_half)
    with pytest.raises(OSError, match='No space'):
        fidelity.main([str(FILE), '--json', str(file)])
    assert file.read_bytes() == b'[]'


def test_a_page_without_deviations_is_named(tmp_path, monkeypatch):
    page = tmp_path / 'configs' / 'mine' / 'README.md'
    page.parent.mkdir(parents=True)
    page.write_text('# Mine\n')
    monkeypatch.setattr(cards, 'home', lambda: tmp_path)
    method = SimpleNamespace(folder='mine', title='Mine', summary={'Status': 'new'})
    with pytest.raises(ValueError, match=r'configs/mine/README\.md does not say what differs'):
        cards.make_card(method, [])
