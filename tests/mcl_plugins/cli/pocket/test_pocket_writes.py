"""What the benchmark writes into the tree is whole, or as it was."""

import shutil

import pytest

from mcl_plugins.cli.pocket import collect, records, report
from mcl_plugins.cli.pocket.records import Run


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, 'zoo', lambda: tmp_path / 'zoo')
    monkeypatch.setattr(records, 'zoo', lambda: tmp_path / 'zoo')
    run = Run('main', 'digits', 'conmim', 0)
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / collect.ENCODER).write_bytes(b'new weights')
    record = {'budget': collect.budget_of('main'), 'metrics': {'knn': 50.0}}
    monkeypatch.setattr(collect, 'finished', lambda _: [(run, record, folder)])
    return tmp_path / 'zoo'


def half(path, content, *_, **__):
    content = content if isinstance(content, str) else content.read_text()
    path.write_bytes(content[: len(content) // 2].encode())
    raise OSError('No space')


def test_a_new_tree_is_filled(tree):
    names = [path.relative_to(tree).as_posix() for path in collect.collect()]
    assert names == ['conmim-pocket.safetensors', 'metafile.yml', 'records/main_digits.json']
    assert (tree / names[0]).read_bytes() == b'new weights'


@pytest.mark.parametrize('name', ['conmim-pocket.safetensors', 'metafile.yml', 'main_digits.json'])
def test_what_was_there_stays(tree, name, monkeypatch):
    collect.collect()
    (file,) = tree.rglob(name)
    before = file.read_bytes()
    if name.endswith('.safetensors'):
        monkeypatch.setattr(shutil, 'copyfile', lambda source, target: half(target, source))
    else:
        monkeypatch.setattr('pathlib.Path.write_text', half)
    if name == 'main_digits.json':
        monkeypatch.setattr(collect, 'keep_encoder', lambda *_: [])
    with pytest.raises(OSError, match='No space'):
        collect.collect()
    assert file.read_bytes() == before and len(list(file.parent.glob(f'{name}*'))) == 1


def test_no_page_is_written_if_one_cannot_be(tmp_path, monkeypatch):
    files = [tmp_path / 'first.md', tmp_path / 'second.md']
    for file in files:
        file.write_text(file.stem)

    def fill(text):
        if text == 'second':
            raise ValueError('no such table')
        return 'filled'

    monkeypatch.setattr(report, 'page', lambda: files[0])
    monkeypatch.setattr(report, 'pages', lambda: files)
    monkeypatch.setattr(report, 'collect', lambda _: [])
    monkeypatch.setattr(report, 'fill', fill)
    with pytest.raises(ValueError, match='no such table'):
        report.write_report()
    assert [file.read_text() for file in files] == ['first', 'second']
