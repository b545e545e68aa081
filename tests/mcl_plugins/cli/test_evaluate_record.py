"""The record of an evaluation is written whatever the installation and the checkpoint are."""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from mcl_plugins.cli.evaluate.frozen import report
from mcl_plugins.cli.parsers.evaluate import linear as parse_args
from mcl_plugins.version import __version__

URL = 'https://example.org/vit-b.pth'


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / 'vit' / 'model.safetensors'
    file.parent.mkdir()
    file.write_bytes(b'weights')
    return file


def record_of(checkpoint, out, *words, evaluate=lambda **_: {'linear': 50.0}):
    report('linear', evaluate, parse_args(['a.py', str(checkpoint), *map(str, words)]))
    return json.loads(out.read_text())


def test_the_libraries_may_be_openmmlabs_own(checkpoint, tmp_path, monkeypatch):
    """None of the distributions that continue them is installed, nor is this package."""
    known = {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmpretrain': '1.2.0', 'torch': '2.7.0'}

    def find(name):
        try:
            return known[name]
        except KeyError:
            raise PackageNotFoundError(name) from None

    monkeypatch.setattr('mcl_plugins.utils.versions.version', find)
    monkeypatch.setattr('importlib.metadata.version', find)
    record = record_of(checkpoint, tmp_path / 'a.json', '--out', tmp_path / 'a.json')
    assert record['versions'] == {'mcl_plugins': __version__, **known}


def test_versions_are_those_that_are_installed(checkpoint, tmp_path):
    record = record_of(checkpoint, tmp_path / 'a.json', '--out', tmp_path / 'a.json')
    names = record['versions'].keys() - {'mcl_plugins'}
    assert 'torch' in names and all(record['versions'][name] == version(name) for name in names)


def test_a_checkpoint_may_be_elsewhere_a_folder_or_in_the_home(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    out = tmp_path / 'new' / 'linear.json'
    assert record_of(URL, out, '--out', out)['checkpoint_sha256'] is None
    wanted = hashlib.sha256(b'weights').hexdigest()
    beside = tmp_path / 'vit.linear.json'
    assert record_of(checkpoint.parent, beside)['checkpoint_sha256'] == wanted
    beside.unlink()
    assert record_of('~/vit', beside)['checkpoint_sha256'] == wanted


def test_results_without_a_place_are_not_computed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f'{URL} is not a file of this machine.*--out'):
        record_of(URL, tmp_path, evaluate=lambda **_: pytest.fail('evaluated'))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_may_be_deleted_meanwhile(checkpoint, tmp_path):
    """By the training that goes on, which keeps the last ones."""

    def evaluate(checkpoint, **_):
        Path(checkpoint).unlink()
        return {'linear': 50.0}

    record = record_of(checkpoint, Path(f'{checkpoint}.linear.json'), evaluate=evaluate)
    assert record['results'] == {'linear': 50.0}
    assert record['checkpoint_sha256'] == hashlib.sha256(b'weights').hexdigest()


def test_arguments_that_are_not_finite_are_words(checkpoint, tmp_path):
    words = ['--weight-decay', 'nan', '--cfg-options', 'a.b=inf', 'a.c=[1,2]']
    record = record_of(checkpoint, tmp_path / 'a.json', '--out', tmp_path / 'a.json', *words)
    assert record['arguments']['weight_decay'] == 'nan'
    assert record['options'] == {'a.b': 'inf', 'a.c': [1, 2]}
