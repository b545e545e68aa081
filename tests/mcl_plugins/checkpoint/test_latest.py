"""A training goes on from a file that is there and whole, or it is said why not."""

import pytest
import torch

from mcl_plugins.checkpoint.latest import find_checkpoint


def save(folder, *names):
    for name in names:
        torch.save({'weight': torch.randn(1000)}, folder / name)


def halve(file):
    file.write_bytes(file.read_bytes()[:1000])


def point(folder, text):
    (folder / 'last_checkpoint').write_text(str(text))


def test_nothing_trained_is_nothing_found(tmp_path):
    assert find_checkpoint(tmp_path / 'none') is None
    save(tmp_path, 'best_accuracy_epoch_3.pth')  # has no training state
    assert find_checkpoint(tmp_path) is None


def test_the_file_that_was_written_last_is_taken(tmp_path):
    save(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    point(tmp_path, tmp_path / 'epoch_1.pth')
    assert find_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')


def test_a_moved_folder_is_found_in_its_new_place(tmp_path):
    save(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    point(tmp_path, '/elsewhere/run/epoch_1.pth')
    assert find_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')


@pytest.mark.parametrize('kind', ['epoch', 'iter'])
@pytest.mark.parametrize('text', [None, '', '/elsewhere/wo'])
def test_without_last_checkpoint_the_highest_number_that_can_be_read_is(tmp_path, kind, text):
    save(tmp_path, *(f'{kind}_{step}.pth' for step in (8, 9, 10, 11)))
    halve(tmp_path / f'{kind}_11.pth')
    if text is not None:
        point(tmp_path, text)
    assert find_checkpoint(tmp_path) == str(tmp_path / f'{kind}_10.pth')


def test_a_training_that_cannot_be_read_is_not_started_over(tmp_path):
    save(tmp_path, 'epoch_1.pth')
    halve(tmp_path / 'epoch_1.pth')
    with pytest.raises(ValueError, match=r'missing or damaged: .*epoch_1\.pth\. Name'):
        find_checkpoint(tmp_path)
    (tmp_path / 'epoch_1.pth').unlink()
    point(tmp_path, '/elsewhere/epoch_7.pth')
    with pytest.raises(ValueError, match=r'/elsewhere/epoch_7\.pth'):
        find_checkpoint(tmp_path)
