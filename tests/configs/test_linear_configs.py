"""Linear classification: MAE's recipe, a frozen encoder, and LARS that leaves the bias out."""

import pytest
import step
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from zoo import Zoo

LINEAR = {
    # epochs, base rate for 256 images, classes, width, heads, feature
    'cmae/transfer/in1k-linear_vit-b.py': (90, 0.1, 1000, 768, 12, 'cls_token'),
    'ccmim/transfer/in1k-linear_vit-b.py': (90, 0.1, 1000, 768, 12, 'avg_featmap'),
    'ccmim/transfer/in1k-linear_vit-s.py': (90, 0.1, 1000, 384, 6, 'avg_featmap'),
    'masked_moco/transfer/in100-linear_vit-s.py': (100, 1.0, 100, 384, 12, 'cls_token'),
    'masked_byol/transfer/in100-linear_vit-s.py': (100, 1.0, 100, 384, 12, 'cls_token'),
}


def load(name):
    method, _, file = name.partition('/')
    return Zoo(method).config(file)


def test_every_linear_config_is_in_the_table():
    methods = {path.name for path in Zoo('').folder.iterdir() if path.is_dir()}
    found = {
        f'{method}/{name}'
        for method in methods - {'_base_', 'quickstart'}
        for name in Zoo(method).names
        if 'linear' in name
    }
    assert found == set(LINEAR)


@pytest.mark.parametrize('name', LINEAR)
def test_settings(name):
    config = load(name)
    epochs, lr, classes, width, heads, feature = LINEAR[name]
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=256)
    assert config.optim_wrapper.optimizer == dict(
        type='LARS', lr=lr, weight_decay=0.0, momentum=0.9
    )
    warmup, cosine = config.param_scheduler
    assert (warmup.end, cosine.begin, cosine.eta_min) == (10, 10, 0.0)
    _, crop, flip, _ = config.train_dataloader.dataset.pipeline
    assert crop.crop_ratio_range == (0.08, 1.0) and crop.interpolation == 'bicubic'
    assert flip.prob == 0.5
    assert config.data_preprocessor.num_classes == config.model.head.num_classes == classes

    config.model.backbone.init_cfg = None
    with torch.device('meta'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    encoder = model.backbone
    assert (encoder.embed_dims, encoder.layers[0].attn.num_heads) == (width, heads)
    assert (encoder.out_type, encoder.final_norm) == (feature, feature == 'cls_token')
    assert model.neck.bn.weight is None and model.neck.bn.eps == 1e-6
    trained = {key for key, p in model.named_parameters() if p.requires_grad}
    assert trained == {'head.fc.weight', 'head.fc.bias'}
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    excluded = {
        id(p): group.get('lars_exclude', False)
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    assert excluded[id(model.head.fc.bias)] and not excluded[id(model.head.fc.weight)]


def test_only_the_classifier_learns_and_the_encoder_stays():
    config = load('masked_moco/transfer/in100-linear_vit-s.py')
    step.shrink(config)
    model = MODELS.build(config.model)
    model.init_weights()
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    batch = model.data_preprocessor(step.random_batch(None), training=True)
    loss, _ = model.parse_losses(model(**batch, mode='loss'))
    wrapper.update_params(loss)
    changed = {
        key for key, value in model.state_dict().items() if not torch.equal(value, before[key])
    }
    statistics = {'neck.bn.running_mean', 'neck.bn.running_var', 'neck.bn.num_batches_tracked'}
    assert changed == {'head.fc.weight', 'head.fc.bias'} | statistics
