"""What the data scripts delete, and what they do not."""

import pytest

from processes import mcl
from mcl_plugins.cli.data.recipe import (begin, finish)

RECIPE = {'recipe': 1, 'images': 3}


def test_what_is_complete_is_left_alone(tmp_path, capsys):
    assert begin(tmp_path / 'new', RECIPE, ('train',))
    (tmp_path / 'new/train').mkdir()
    finish(tmp_path / 'new', RECIPE)
    assert not begin(tmp_path / 'new', RECIPE, ('train',))
    assert (tmp_path / 'new/train').is_dir() and 'is complete' in capsys.readouterr().out


@pytest.mark.parametrize('ended', [True, False])
def test_another_recipes_and_half_made_folders_go(tmp_path, ended):
    begin(tmp_path, RECIPE, ('train', 'val'))
    (tmp_path / 'train').mkdir()
    (tmp_path / 'mine').mkdir()
    if ended:
        finish(tmp_path, {**RECIPE, 'images': 4})
    assert begin(tmp_path, RECIPE, ('train', 'val'))
    assert not (tmp_path / 'train').exists() and (tmp_path / 'mine').is_dir()


def test_another_scripts_place_is_refused(tmp_path):
    begin(tmp_path, {'side': 48}, ('train',))
    (tmp_path / 'val').mkdir()
    with pytest.raises(ValueError, match='was written by another script'):
        begin(tmp_path, RECIPE, ('val',))
    assert (tmp_path / 'val').is_dir()


@pytest.mark.parametrize(
    ('command', 'folder'), [('data scenes', 'coco'), ('data digits', 'val')]
)
def test_somebody_elses_data_stays(tmp_path, command, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / 'mine.jpg').touch()
    done = mcl(command, tmp_path)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert f'{tmp_path / folder} exists and was not written by this script' in done.stderr
    assert [file.name for file in tmp_path.rglob('*') if file.is_file()] == ['mine.jpg']


def test_bad_numbers_of_scenes_are_an_error_in_words(tmp_path):
    done = mcl('data scenes', tmp_path, '--val', 0)
    assert done.returncode == 1 and 'val=0 must be at least 1' in done.stderr
