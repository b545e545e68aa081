"""Configs are found by their paths and by their names."""

import pytest

from conftest import ROOT
from mcl_plugins.utils import places

CONFIG = ROOT / 'configs/conmim/vit-b.py'


@pytest.mark.parametrize(
    'name',
    [
        CONFIG,
        str(CONFIG),
        'conmim/vit-b.py',
        'configs/conmim/vit-b.py',
        'mcl_plugins::conmim/vit-b.py',
    ],
)
def test_a_config_of_the_package_is_found_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.find_config(name) == CONFIG


def test_a_file_goes_before_a_name_unless_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / 'conmim/vit-b.py'
    own.parent.mkdir()
    own.touch()
    assert places.find_config('conmim/vit-b.py').absolute() == own
    assert places.find_config('mcl_plugins::conmim/vit-b.py') == CONFIG


def test_names_that_are_near_are_shown():
    with pytest.raises(FileNotFoundError, match=r"'conmim/vit-x.py' does not .*conmim/vit-b\.py"):
        places.find_config('conmim/vit-x.py')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        places.find_config(ROOT / 'configs')


def test_demos_write_into_the_checkout_or_the_current_folder(tmp_path, monkeypatch):
    assert places.home() == places.workspace() == ROOT
    installed = tmp_path / 'site-packages/mcl_plugins'
    (installed / '.mim/configs').mkdir(parents=True)
    monkeypatch.setattr(places, 'PACKAGE', installed)
    monkeypatch.chdir(tmp_path)
    assert places.home() == installed / '.mim' and places.workspace() == tmp_path
