"""The frozen teacher is moved with the model, and nothing else reaches it."""

import copy
import pickle

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from conftest import SMALL_VIT
from mcl_plugins.backbones import VisionTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.targets.frozen_teacher import FrozenTeacher, fingerprint

ENCODER = {**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'out_type': 'featmap'}


def teacher(path, **changes):
    init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    encoder = {**ENCODER, 'drop_path_rate': 0.5, 'init_cfg': init_cfg, **changes}
    return FrozenTeacher(encoder, how_to_get='train one with tools/train.py teacher.py')


@pytest.fixture
def file(tmp_path):
    settings = {key: value for key, value in ENCODER.items() if key != 'type'}
    encoder = VisionTransformer(**settings)
    encoder.init_weights()
    state = {f'backbone.{name}': value for name, value in encoder.state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'teacher.pth')
    return tmp_path / 'teacher.pth'


@pytest.fixture
def model(file):
    module = nn.Sequential(teacher(file))
    module[0].init_weights()
    return module


def test_it_is_outside_the_model(model):
    assert not list(model.parameters())
    assert list(model.state_dict()) == ['0.fingerprint']  # of 8 bytes
    assert not [p for p in model[0].encoder.parameters() if p.requires_grad]


def test_it_stays_in_eval_mode_through_train(model):
    images = torch.randn(2, 3, 32, 32)
    before = model(images)
    model.train()
    assert torch.equal(model(images), before)  # with drop path it would not be
    assert not model[0].encoder.training
    assert before.shape == (2, 48, 4, 4) and not before.requires_grad


def test_it_moves_with_the_model(model):
    model.double()
    assert {p.dtype for p in model[0].encoder.parameters()} == {torch.float64}
    model.to('meta')
    assert {p.device.type for p in model[0].encoder.parameters()} == {'meta'}


def test_a_copy_has_a_teacher_of_its_own(model):
    clone = copy.deepcopy(model)
    assert clone[0].encoder is not model[0].encoder
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(clone(images), model(images))


def test_a_missing_file_says_how_to_make_one():
    with pytest.raises(FileNotFoundError, match='does not exist(?s:.)*train one with tools/'):
        teacher('/no/such/file.pth').init_weights()


def test_another_architecture_says_so(file):
    arch = {**SMALL_VIT['arch'], 'num_layers': 3}
    with pytest.raises(
        ValueError, match=r'missing: layers\.2(?s:.)*train one with tools/'
    ) as caught:
        teacher(file, arch=arch).init_weights()
    assert 'allow_missing' not in str(caught.value)  # which is not for teachers


def test_mmpretrains_own_encoders_are_read_as_strictly(tmp_path, file):
    """Theirs would skip what does not fit, and stay random."""
    own = {**SMALL_VIT['arch'], 'num_layers': 3}
    teacher(file, type='VisionTransformer').init_weights()
    with pytest.raises(ValueError, match=r'missing: layers\.2'):
        teacher(file, type='VisionTransformer', arch=own).init_weights()


def test_positions_are_not_resized(file):
    with pytest.raises(ValueError, match=r'shape of pos_embed: \(1, 17, 48\) in the file'):
        teacher(file, img_size=64).init_weights()


def test_without_a_file_it_can_be_tried(model):
    untried = teacher('/no/such/file.pth')
    untried.is_init = True
    untried.check_checkpoint()
    untried.load_state_dict(model[0].state_dict())


def test_fingerprints_differ_in_any_bit(model):
    encoder = model[0].encoder
    before = fingerprint(encoder)
    assert before == fingerprint(copy.deepcopy(encoder)) == int(model[0].fingerprint)
    with torch.no_grad():
        encoder.ln1.bias[3] += 1e-7
    assert fingerprint(encoder) != before


@pytest.mark.parametrize('init_cfg', [None, dict(type='TruncNormal', layer='Linear', std=0.02)])
def test_a_teacher_that_was_not_trained_is_refused(init_cfg):
    with pytest.raises(ValueError, match='must name a checkpoint'):
        teacher('', init_cfg=init_cfg).init_weights()


def test_random_weights_are_no_teacher(model, file):
    """A checkpoint of the model has the teacher's fingerprint, but not its weights."""
    images = torch.randn(1, 3, 32, 32)
    filled = nn.Sequential(teacher(file))
    filled.load_state_dict(model.state_dict())
    for copied in (filled, copy.deepcopy(filled), pickle.loads(pickle.dumps(filled))):
        with pytest.raises(RuntimeError, match=r'random weights: .*teacher\.init_weights'):
            copied(images)
    filled[0].init_weights()
    assert torch.equal(filled(images), model(images))


def by_init_weights(model, encoder):
    model.init_weights()


def by_hand(model, encoder):
    model.encoder.load_state_dict(encoder.state_dict())


def by_mmengine(model, encoder):
    load_state_dict(model.encoder, encoder.state_dict())


def by_declaration(model, encoder):
    model.is_init = True


@pytest.mark.parametrize('fill', [by_init_weights, by_hand, by_mmengine, by_declaration])
def test_copies_of_a_teacher_know_that_it_was_loaded(model, file, fill):
    filled, images = teacher(file), torch.randn(1, 3, 32, 32)
    with pytest.raises(RuntimeError, match='random weights'):
        filled(images)
    fill(filled, model[0].encoder)
    for copied in (copy.deepcopy(filled), pickle.loads(pickle.dumps(filled))):
        assert torch.equal(copied(images), filled(images))


def test_a_part_of_the_weights_is_no_teacher(model, file):
    partly = teacher(file)
    state = model[0].encoder.state_dict()
    del state['cls_token']
    partly.encoder.load_state_dict(state, strict=False)
    with pytest.raises(RuntimeError, match='random weights'):
        partly(torch.randn(1, 3, 32, 32))


def test_another_teacher_than_that_of_a_loaded_checkpoint_is_refused(model, file):
    filled = teacher(file)
    filled.load_state_dict({'fingerprint': model[0].fingerprint + 1})
    with pytest.raises(ValueError, match=r'began with another teacher than .*teacher\.pth'):
        filled.init_weights()
    with pytest.raises(RuntimeError, match='random weights'):
        filled(torch.randn(1, 3, 32, 32))
