"""A record is written into page, metafile and records, or into none of them."""

import json

import pytest

from mcl_plugins.cli.reproduce import rows, zoo
from mcl_plugins.utils import places

CONFIG = 'conmim/vit-b_300e.py'
PAGE = """# ConMIM

## Table 1

| model | this package | config |
| --- | --- | --- |
| ViT-B/16 | — | [config](vit-b_300e.py) |
"""
METAFILE = f"""Models:
  - Name: vit-b
    Config: configs/{CONFIG}
    Results: null
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a method with one row, whose configs are not looked at."""
    folder = tmp_path / 'configs' / 'conmim'
    folder.mkdir(parents=True)
    (folder / 'README.md').write_text(PAGE)
    (folder / 'metafile.yml').write_text(METAFILE)
    for module in (places, rows, zoo):
        monkeypatch.setattr(module, 'home', lambda: tmp_path)
    monkeypatch.setattr(zoo, 'find_config', lambda name: name)
    monkeypatch.setattr(zoo, 'read_config', lambda name: name)
    monkeypatch.setattr(zoo, 'config_digest', lambda config: 'same')
    return folder


def record(folder, **metrics):
    stage = {'config': CONFIG, 'config_sha256': 'same', 'metrics': metrics}
    content = {
        'method': 'conmim',
        'row': 'table 1: ViT-B/16',
        'tiny': False,
        'stages': {'1-pre': stage},
        'shown': ['1-pre'],
    }
    file = folder.parent.parent / 'record.json'
    file.write_text(json.dumps(content))
    return file


def test_all_three_are_written(folder):
    page, kept, metafile = zoo.update(record(folder, **{'accuracy/top1': 83.46}))
    assert '| ViT-B/16 | 83.5 |' in page.read_text()
    assert kept.parent == folder / 'records' and json.loads(kept.read_text())['method'] == 'conmim'
    assert 'Top 1 Accuracy: 83.46' in metafile.read_text()


@pytest.mark.parametrize('damage', ['metric', 'results', 'disk'])
def test_nothing_is_written_if_a_part_fails(folder, damage, monkeypatch):
    metafile = METAFILE
    file = record(folder, **{'aAcc' if damage == 'metric' else 'accuracy/top1': 83.46})
    if damage == 'results':
        metafile = METAFILE.replace('    Results: null\n', '')
        (folder / 'metafile.yml').write_text(metafile)
    message = {
        'metric': 'metrics aAcc of vit-b have no name in metafiles; those of tables are accuracy',
        'results': 'configs/conmim/metafile.yml has no Results of vit-b: add the line',
        'disk': 'No space',
    }[damage]
    if damage == 'disk':
        monkeypatch.setattr('pathlib.Path.write_text', half)
    with pytest.raises((ValueError, OSError), match=message):
        zoo.update(file)
    assert (folder / 'README.md').read_text() == PAGE
    assert (folder / 'metafile.yml').read_text() == metafile
    assert {path.name for path in folder.iterdir()} == {'README.md', 'metafile.yml'}


def half(path, text, encoding):
    path.write_bytes(text[: len(text) // 2].encode(encoding))
    raise OSError('No space')
