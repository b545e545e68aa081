"""Where the checkpoint of a frozen teacher may be: wherever its loader reads it."""

import pytest
from torch import nn

from conftest import SMALL_VIT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.targets.frozen_teacher import FrozenTeacher, fingerprint


def teacher(path):
    init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    return FrozenTeacher(
        {
            **SMALL_VIT,
            'type': 'mcl_plugins.VisionTransformer',
            'out_type': 'featmap',
            'init_cfg': init_cfg,
        },
        how_to_get='train one',
    )


@pytest.fixture
def trained(tmp_path):
    """An encoder, whose weights are in the folder ``teacher`` of the home folder."""
    encoder = teacher('').encoder
    nn.init.normal_(encoder.cls_token)
    state = {f'backbone.{name}': value for name, value in encoder.state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'teacher' / 'model.pth')
    return encoder


@pytest.mark.parametrize('place', ['{home}/teacher', '~/teacher/model.pth', '~/teacher'])
def test_folders_and_the_home_are_read(trained, tmp_path, monkeypatch, place):
    monkeypatch.setenv('HOME', str(tmp_path))
    model = teacher(place.format(home=tmp_path))
    model.check_checkpoint()
    model.init_weights()
    assert fingerprint(model.encoder) == fingerprint(trained)


@pytest.mark.parametrize('source', ['https://example.org/a.pth', 's3://a/b.pth', 'torchvision://a'])
def test_what_is_elsewhere_is_not_looked_for(source):
    teacher(source).check_checkpoint()


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / 'model.pth').touch()
    monkeypatch.chdir(tmp_path)  # an empty name is not this folder
    for place in ('', '~/no-such-teacher.pth'):
        with pytest.raises(FileNotFoundError, match=f'{place!r} does not exist(?s:.)*train one'):
            teacher(place).check_checkpoint()
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty is a folder that has none of'):
        teacher('empty').check_checkpoint()
