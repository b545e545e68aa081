"""Files and configs with the EMA's earlier names are read everywhere."""

import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from mmpretrain.registry import MODELS

from conftest import MOBY_MLP, PREPROCESSOR, SMALL, SMALL_MASKED_MOCO, SMALL_SWIN, SMALL_VIT
from mcl_plugins.backbones import BEiTViT
from mcl_plugins.checkpoint.aliases import EMA_ALIASES, list_spellings, present_name
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.checkpoint.moby import MOBY
from mcl_plugins.cli.convert.conmim import convert_back
from mcl_plugins.engine import Runner

CONTRAST = dict(
    type='mcl_plugins.QueueContrast',
    projector=dict(**MOBY_MLP, in_channels=48, with_avg_pool=False),
    predictor=dict(**MOBY_MLP, in_channels=16, with_avg_pool=False),
    head=dict(type='mcl_plugins.QueueInfoNCEHead'),
    queue=dict(dim=16, length=10),
)
MIMCO = dict(
    type='mcl_plugins.MimCo',
    backbone={**SMALL_VIT, 'type': 'mcl_plugins.SimMIMViT'},
    teacher=dict(
        backbone={**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'out_type': 'featmap'},
        how_to_get='none is needed',
    ),
    mask_generator=None,
    patch_contrast=CONTRAST,
    image_contrast=CONTRAST,
    momentum=dict(start=0.9),
    data_preprocessor=PREPROCESSOR,
)
MOBY_SWIN = dict(
    type='mcl_plugins.MoBY',
    backbone={**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer'},
    projector=dict(**MOBY_MLP, in_channels=32, with_avg_pool=True),
    predictor=dict(**MOBY_MLP, in_channels=16, with_avg_pool=False),
    contrast_head=dict(type='mcl_plugins.QueueInfoNCEHead'),
    queue=dict(dim=16, length=10),
    momentum=dict(start=0.9),
    data_preprocessor={**PREPROCESSOR, 'views': [[], []]},
)
# A model, and how its EMA was called.
METHODS = {
    'ConMIM': (SMALL, ('teacher.backbone.', 'teacher.neck.')),
    'Masked MoCo': (SMALL_MASKED_MOCO, ('target.',)),
    'MoBY': (MOBY_SWIN, ('target.',)),
    'MimCo': (MIMCO, ('patch_contrast.target.projector.', 'image_contrast.target.projector.')),
}


def earlier(state, names):
    """A state dict as it was written before."""
    table = {present: old for old, present in EMA_ALIASES if old in names}
    renamed = {}
    for name, value in state.items():
        start = next((start for start in table if name.startswith(start)), '')
        renamed[table.get(start, '') + name.removeprefix(start)] = value
    return renamed


@pytest.fixture
def old_file(tmp_path, small_conmim):
    with torch.no_grad():
        for parameter in small_conmim.ema.parameters():
            parameter.add_(0.1)
    state = earlier(small_conmim.state_dict(), METHODS['ConMIM'][1])
    assert not [name for name in state if name.startswith('ema.')]
    save_file({'state_dict': state}, tmp_path / 'old.pth')
    return tmp_path / 'old.pth'


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('load', [torch.nn.Module.load_state_dict, mmengine_load])
def test_a_whole_model_loads_by_whoever_loads_it(method, load):
    config, names = METHODS[method]
    model = MODELS.build(copy.deepcopy(config))
    state = {name: torch.randn(value.shape).to(value) for name, value in model.state_dict().items()}
    old = earlier(state, names)
    assert old.keys() != state.keys()
    load(model, old, strict=True)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert old.keys() == earlier(state, names).keys(), "the caller's dict was changed"


@pytest.mark.parametrize('prefix', ['ema.backbone.', 'teacher.backbone.'])
@pytest.mark.parametrize('kind', ['old', 'new'])
def test_an_encoder_is_found_under_either_name(old_file, small_conmim, prefix, kind):
    file = old_file
    if kind == 'new':
        file = old_file.with_name('new.pth')
        save_file({'state_dict': small_conmim.state_dict()}, file)
    encoder = BEiTViT(
        SMALL['backbone']['arch'],
        32,
        8,
        use_rel_pos_bias=False,
        use_shared_rel_pos_bias=True,
        init_cfg=dict(type='Pretrained', checkpoint=str(file), prefix=prefix),
    )
    encoder.init_weights()
    wanted = small_conmim.ema.backbone
    assert torch.equal(encoder.layers[1].ln1.weight, wanted.layers[1].ln1.weight)
    assert not torch.equal(encoder.cls_token, small_conmim.backbone.cls_token)


def test_old_files_are_converted_back(old_file, small_conmim):
    back = convert_back(old_file, 'teacher')
    assert torch.equal(back['cls_token'], small_conmim.ema.backbone.cls_token)
    student = convert_back(old_file, 'student')
    assert student.keys() - back.keys() == set()
    moby = MOBY.to_released({'target.projector.fc0.bias': torch.ones(2)})
    assert list(moby) == ['projector_k.linear_hidden.1.bias']


def test_a_training_that_began_before_goes_on(training_config):
    """Optimizer states belong to parameters by their order, which is as it was."""
    config = training_config
    Runner.from_cfg(config).train()
    file = f'{config.work_dir}/epoch_1.pth'
    content = load_file(file)
    content['state_dict'] = earlier(content['state_dict'], METHODS['ConMIM'][1])
    save_file(content, file)
    config.train_cfg.max_epochs = 2
    content['meta'].pop('schedule')  # is another one now
    save_file(content, file)
    config.resume = True
    config.experiment_name += '-resumed'
    runner = Runner.from_cfg(config)
    resume, seen = runner.load_or_resume, {}

    def look():
        resume()
        seen.update(
            copy.deepcopy(
                dict(
                    weights=runner.model.state_dict(),
                    optimizer=runner.optim_wrapper.state_dict()['state'],
                )
            )
        )

    runner.load_or_resume = look
    runner.train()
    assert runner.epoch == 2
    weights = earlier(seen['weights'], METHODS['ConMIM'][1])
    assert weights.keys() == content['state_dict'].keys()
    for name, value in weights.items():
        assert torch.equal(value, content['state_dict'][name]), name
    for index, state in content['optimizer']['state'].items():
        assert torch.equal(seen['optimizer'][index]['exp_avg'], state['exp_avg'])


def test_a_name_of_another_method_is_left_alone():
    """MimCo's frozen teacher is no EMA."""
    assert present_name('teacher.fingerprint') == 'teacher.fingerprint'
    assert list_spellings('backbone.') == ['backbone.']
    assert list_spellings('') == ['']
