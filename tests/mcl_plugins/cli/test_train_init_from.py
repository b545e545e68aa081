"""--init-from: a pre-training of one method begins with the weights of another."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.cli.train import configure


def test_cmae_starts_from_maes_weights_student_and_ema_alike(tmp_path):
    config = configure('quickstart/cmae.py', work_dir=tmp_path)
    source = MODELS.build(config.model.backbone)
    source.init_weights()
    with torch.no_grad():
        source.layers[0].attn.qkv.weight.normal_()
    tensors = TIMM_VIT.to_theirs(source.state_dict())
    decoder = {'decoder_embed.weight': torch.ones(2, 2), 'mask_token': torch.ones(1, 1, 2)}
    torch.save({'model': {**tensors, **decoder}}, tmp_path / 'mae.pth')
    other = tmp_path / 'other'
    config = configure('quickstart/cmae.py', work_dir=other, init_from=str(tmp_path / 'mae.pth'))
    model = MODELS.build(config.model)
    model.init_weights()
    wanted = source.layers[0].attn.qkv.weight
    assert torch.equal(model.backbone.layers[0].attn.qkv.weight, wanted)
    assert torch.equal(model.ema.backbone.layers[0].attn.qkv.weight, wanted)


def test_the_prefix_of_a_fine_tuning_is_kept(tmp_path):
    config = configure('quickstart/conmim_finetune.py', work_dir=tmp_path, init_from='other.pth')
    init = dict(type='Pretrained', checkpoint='other.pth', prefix='ema.backbone.')
    assert config.model.backbone.init_cfg == init


def test_a_whole_model_and_an_encoder_are_one_too_many(tmp_path):
    options = dict(work_dir=tmp_path, cfg_options=dict(load_from='whole.pth'))
    with pytest.raises(ValueError, match=r'--init-from mae.pth .* load_from=whole.pth'):
        configure('quickstart/cmae.py', init_from='mae.pth', **options)
