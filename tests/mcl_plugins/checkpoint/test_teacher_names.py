"""Released MoBY and MoCo v3 files: names, the order of patch merging, yacs, both ways."""

import sys
import types

import pytest
import torch
from conversion import released
from mmengine.config import Config
from mmpretrain.models.utils import PatchMerging
from mmpretrain.registry import MODELS
from torchvision.models.swin_transformer import PatchMerging as TorchvisionPatchMerging

from conftest import ROOT, SMALL_VIT
from mcl_plugins import load_encoder
from mcl_plugins.backbones import DeiT, VisionTransformer
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.checkpoint.moby import MOBY
from mcl_plugins.checkpoint.mocov3 import MOCOV3
from mcl_plugins.checkpoint.origin import read_arch
from mcl_plugins.checkpoint.swin import ours_from_released, released_from_ours
from processes import mcl, script


@pytest.fixture
def yacs(monkeypatch):
    """A ``CfgNode`` that pickles as yacs's does: a dict with attributes, two of which are odd."""

    class CfgNode(dict):
        def __init__(self, content):
            super().__init__(content)
            self.__dict__.update(__immutable__=True, __deprecated_keys__=set())

    CfgNode.__module__, CfgNode.__qualname__ = 'yacs.config', 'CfgNode'
    module = types.ModuleType('yacs.config')
    module.CfgNode = CfgNode
    monkeypatch.setitem(sys.modules, 'yacs', types.ModuleType('yacs'))
    monkeypatch.setitem(sys.modules, 'yacs.config', module)
    return CfgNode


def test_a_released_moby_file_is_converted_and_comes_back(tmp_path, yacs):
    original = released('moby')
    config = yacs({'MODEL': yacs({'TYPE': 'moby'}), 'TRAIN': yacs({'EPOCHS': 300})})
    content = {'model': original, 'config': config, 'max_accuracy': 0.0, 'epoch': 299}
    torch.save(content, tmp_path / 'released.pth')
    result = script('convert/moby.py', tmp_path / 'released.pth', tmp_path / 'ours.pth')
    assert result.returncode == 0, result.stderr
    ours = load_file(tmp_path / 'ours.pth')['state_dict']
    tops = {name.split('.')[0] for name in ours}
    assert tops == {'backbone', 'projector', 'predictor', 'ema', 'queues'}

    result = mcl('convert moby', tmp_path / 'ours.pth', tmp_path / 'back.pth', '--to-released')
    assert result.returncode == 0, result.stderr
    back = load_file(tmp_path / 'back.pth')['model']
    assert original.keys() - back.keys() == {
        f'{encoder}.layers.0.blocks.1.attn_mask' for encoder in ('encoder', 'encoder_k')
    }
    assert all(torch.equal(value, original[name]) for name, value in back.items())


def test_a_config_object_is_read_as_a_dict(tmp_path, yacs):
    torch.save({'config': yacs({'TRAIN': yacs({'EPOCHS': 300})})}, tmp_path / 'file.pth')
    assert load_file(tmp_path / 'file.pth')['config'] == {'TRAIN': {'EPOCHS': 300}}


def test_patch_merging_computes_what_the_released_order_does():
    """torchvision concatenates the four tokens as Swin's released code does."""
    theirs, ours = TorchvisionPatchMerging(6), PatchMerging(6, 12)
    torch.nn.init.normal_(theirs.norm.weight)
    torch.nn.init.normal_(theirs.norm.bias)
    ours.load_state_dict(
        {name: ours_from_released(value) for name, value in theirs.state_dict().items()}
    )
    x = torch.randn(2, 4, 8, 6)
    torch.testing.assert_close(ours(x.flatten(1, 2), (4, 8))[0], theirs(x).flatten(1, 2))
    values = torch.randn(5, 24)
    assert torch.equal(released_from_ours(ours_from_released(values)), values)
    assert not torch.equal(ours_from_released(values), values)


def test_moby_of_deit_has_timms_names():
    encoder = DeiT(arch=SMALL_VIT['arch'], img_size=32, patch_size=8)
    ours = {f'backbone.{name}': value for name, value in encoder.state_dict().items()}
    theirs = MOBY.to_released(ours)
    assert {'encoder.cls_token', 'encoder.blocks.1.mlp.fc1.weight', 'encoder.norm.bias'} <= set(
        theirs
    )
    back = MOBY.from_released(theirs)
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[name], value) for name, value in ours.items())


def test_a_released_moco_v3_file_becomes_a_teacher(tmp_path):
    """The released names start with DDP's ``module.``; the golden file's do not."""
    original = {f'module.{name}': value for name, value in released('mocov3').items()}
    content = {'state_dict': original, 'epoch': 300, 'arch': 'vit_small'}
    torch.save(content, tmp_path / 'vit-s-300ep.pth.tar')
    result = mcl('convert mocov3', tmp_path / 'vit-s-300ep.pth.tar', tmp_path / 'ours.pth')
    assert result.returncode == 0, result.stderr
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'ours.pth'), prefix='backbone.')
    arch = {**SMALL_VIT['arch'], 'feedforward_channels': 192}
    teacher = VisionTransformer(arch=arch, img_size=32, patch_size=8, init_cfg=init_cfg)
    teacher.init_weights()
    torch.testing.assert_close(
        teacher.layers[1].attn.qkv.weight, original['module.base_encoder.blocks.1.attn.qkv.weight']
    )
    result = mcl('convert mocov3', tmp_path / 'ours.pth', tmp_path / 'back.pth', '--to-released')
    assert result.returncode == 0, result.stderr
    back = load_file(tmp_path / 'back.pth')['state_dict']
    assert back.keys() == original.keys()
    assert all(torch.equal(back[name], original[name]) for name in original)


def test_moco_v3s_whole_state_goes_both_ways():
    config = Config.fromfile(ROOT / 'configs/mocov3/vit-s.py').model
    with torch.device('meta'):
        state = MODELS.build(config).state_dict()
    theirs = MOCOV3.to_released(state)
    assert all(name.startswith('module.') for name in theirs)
    ours = MOCOV3.from_released(theirs)
    assert ours.keys() == state.keys()


def test_a_converted_file_names_the_heads(tmp_path):
    """Those of MoCo v3's ViT-S cannot be seen in its tensors, and most others have 6."""
    config = Config.fromfile(ROOT / 'configs/mocov3/vit-s.py').model
    encoder = MODELS.build(config.backbone)
    state = {f'backbone.{name}': value for name, value in encoder.state_dict().items()}
    save_file({'state_dict': MOCOV3.to_released(state)}, tmp_path / 'released.pth')
    result = mcl('convert mocov3', tmp_path / 'released.pth', tmp_path / 'ours.pth')
    assert result.returncode == 0, result.stderr
    assert read_arch(load_file(tmp_path / 'ours.pth')) == 'mocov3-small'
    assert load_encoder(tmp_path / 'ours.pth').config.arch['num_heads'] == 12


@pytest.mark.parametrize(('table', 'name'), [(MOBY, 'backbone.conv1'), (MOCOV3, 'tokens')])
def test_foreign_names_are_an_error(table, name):
    with pytest.raises(ValueError, match=f"'{name}' is not a tensor of a released Mo"):
        table.from_released({name: torch.ones(1)})


def test_the_other_architectures_file_is_refused(tmp_path):
    """The links of MoBY's two files are exchanged in the released README."""
    ours = MOBY.from_released(released('moby'))
    save_file({'state_dict': ours}, tmp_path / 'swin.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'), prefix='backbone.')
    encoder = DeiT(arch=SMALL_VIT['arch'], img_size=32, patch_size=8, init_cfg=init_cfg)
    with pytest.raises(ValueError, match='does not fit DeiT(?s:.)*missing: cls_token'):
        encoder.init_weights()
