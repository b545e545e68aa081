"""Released names and ours, both ways."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins.checkpoint.conmim import CONMIM
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.cli.convert.conmim import convert, convert_back


@pytest.fixture
def released():
    with np.load(ROOT / 'tests/golden/conmim_a.npz') as archive:
        return {
            part: {
                name.removeprefix(f'{part}/'): torch.from_numpy(archive[name])
                for name in archive.files
                if name.startswith(f'{part}/')
            }
            for part in ('student', 'teacher')
        }


def test_released_files_become_a_model_and_come_back(tmp_path, released):
    for part, state in released.items():
        # As the released code writes it.
        content = {'model': state, 'epoch': 1, 'args': Namespace(lr=5e-4), 'scaler': {'scale': 1.0}}
        save_file(content, tmp_path / f'{part}.pth')
    state = convert(tmp_path / 'student.pth', tmp_path / 'teacher.pth')
    save_file({'state_dict': state}, tmp_path / 'ours.pth')
    for part, original in released.items():
        back = convert_back(tmp_path / 'ours.pth', part)
        kept = {name for name in original if not name.startswith('lm_head.')}
        assert set(back) == kept
        assert all(torch.equal(back[name], original[name]) for name in kept)


def test_names_are_those_of_the_configured_model():
    model = MODELS.build(dict(type='mcl_plugins.MaskedBEiTViT', arch='small'))
    for name in model.state_dict():
        assert CONMIM.ours(CONMIM.released(f'backbone.{name}')) == f'backbone.{name}'


def test_a_foreign_tensor_is_named():
    with pytest.raises(ValueError, match="'decoder.0.weight' is not a tensor of a released ConMIM"):
        CONMIM.from_released({'decoder.0.weight': 1})


def test_a_fine_tuned_model_becomes_a_classifier():
    renamed = CONMIM.from_released({'fc_norm.weight': 1, 'head.bias': 2, 'norm.weight': 3})
    assert renamed == {'backbone.ln2.weight': 1, 'head.fc.bias': 2, 'backbone.ln1.weight': 3}


def test_a_file_without_the_part_is_named(tmp_path):
    save_file({'state_dict': {'backbone.cls_token': torch.ones(1)}}, tmp_path / 'student.pth')
    with pytest.raises(ValueError, match='has no teacher'):
        convert_back(tmp_path / 'student.pth', 'teacher')
    assert load_file(tmp_path / 'student.pth')
