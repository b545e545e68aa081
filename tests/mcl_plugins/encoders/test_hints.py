"""What lies beside weights counts only if it is theirs; a preprocessor's class tells its scale."""

import json
import warnings
from types import SimpleNamespace

import pytest
import timm
import torch
from mmengine.model import ImgDataPreprocessor
from mmpretrain.models import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS
from torch import nn
from transformers import ViTImageProcessor

from conftest import SMALL_VIT
from mcl_plugins import load_encoder
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.checkpoint.sources import WEIGHTS
from mcl_plugins.encoders.hints import IMAGENET
from mcl_plugins.preprocessors import MultiViewPreprocessor

ARCH = dict(embed_dims=64, num_layers=2, num_heads=1, feedforward_channels=128)
HALF = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
HF = dict(
    hidden_size=64,
    num_hidden_layers=2,
    patch_size=8,
    num_channels=3,
    num_attention_heads=4,
    layer_norm_eps=1e-3,
    architectures=['ViTModel'],
)
TIMM = dict(
    architecture='vit_base_patch16_224',
    num_features=64,
    model_args=dict(embed_dim=64, depth=2, patch_size=8, num_heads=4),
    pretrained_cfg=dict(input_size=[3, 32, 32], mean=[0.5] * 3, std=[0.5] * 3),
)
OWN = dict(
    architecture=dict(
        family='vit',
        arch={**ARCH, 'num_heads': 4},
        img_size=32,
        patch_size=8,
        in_channels=3,
        eps=1e-3,
    ),
    preprocessing=dict(size=32, mean=[127.5] * 3, std=[127.5] * 3, crop=0.9),
    method='CMAE',
)


def weights(folder, name, **described):
    """The weights of a small ViT, 64 wide, and JSON files beside them."""
    tensors = TIMM_VIT.to_theirs(MODELS.build({**SMALL_VIT, 'arch': ARCH}).state_dict())
    if name.endswith('.safetensors'):
        from safetensors.torch import save_file as save_tensors  # noqa: PLC0415

        save_tensors(tensors, folder / name)
    else:
        save_file(tensors, folder / name)
    for stem, content in described.items():
        (folder / f'{stem}.json').write_text(json.dumps(content))
    return folder / name


def facts(encoder):
    """What a description says and tensors do not."""
    heads = encoder.config.arch['num_heads']
    return heads, encoder.config.eps, list(encoder.preprocess.mean), encoder.origin['method']


UNKNOWN = (1, 1e-6, list(IMAGENET[0]), None)


def changed(config, **changes):
    return {**config, **changes}


OWN_WIDER = changed(OWN, architecture={**OWN['architecture'], 'arch': {**ARCH, 'embed_dims': 96}})


@pytest.mark.parametrize(
    ('described', 'said'),
    [
        (dict(config=changed(HF, hidden_size=768)), r'width=768 \(the weights: 64\)'),
        (dict(config=changed(HF, num_hidden_layers=12)), r'blocks=12 \(the weights: 2\)'),
        (dict(config=changed(HF, patch_size=16)), r'patch size=16 \(the weights: 8\)'),
        (dict(config=changed(HF, num_channels=1)), r'bands=1 \(the weights: 3\)'),
        (dict(config=changed(HF, depths=[2, 2])), r'blocks=4 \(the weights: 2\)'),
        (dict(config=changed(TIMM, num_features=768)), r'width=768 \(the weights: 64\)'),
        (dict(config=changed(TIMM, model_args=dict(depth=9))), r'blocks=9 \(the weights: 2\)'),
        (dict(config=dict(num_attention_heads=4)), 'does not state the width'),
        (dict(preprocessor_config=HALF), 'does not state the width'),
        (dict(config=dict(mcl_plugins=OWN_WIDER)), r'width=96 \(the weights: 64\)'),
        (dict(encoder=OWN_WIDER), r'width=96 \(the weights: 64\)'),
        (dict(encoder=dict(method='CMAE')), 'does not state the width'),
    ],
)
@pytest.mark.parametrize('name', ['model.pth', 'model.safetensors', 'mine.pth'])
def test_a_description_of_another_encoder_is_not_used_and_the_warning_says_why(
    tmp_path, name, described, said
):
    path = weights(tmp_path, name, **described)
    with pytest.warns(UserWarning, match=rf'{next(iter(described))}.json.*not used: .*{said}'):
        assert facts(load_encoder(path)) == UNKNOWN


@pytest.mark.parametrize('name', ['mine.pth', 'vit.safetensors'])
@pytest.mark.parametrize(
    'described',
    [dict(config=HF, preprocessor_config=HALF), dict(config=TIMM), dict(encoder=OWN)],
    ids=['hugging face', 'timm', 'ours'],
)
def test_a_description_that_fits_weights_of_another_name_is_not_used(tmp_path, name, described):
    path = weights(tmp_path, name, **described)
    with pytest.warns(UserWarning, match='not used: weights that it describes are named model.s'):
        assert facts(load_encoder(path)) == UNKNOWN


@pytest.mark.parametrize('name', WEIGHTS)
@pytest.mark.parametrize(
    ('described', 'eps', 'method'),
    [
        (dict(config=HF, preprocessor_config=HALF), 1e-3, 'ViTModel'),
        (dict(config=TIMM), 1e-6, 'vit_base_patch16_224'),
        (dict(encoder=OWN), 1e-3, 'CMAE'),
        (dict(config=dict(mcl_plugins=OWN)), 1e-3, 'CMAE'),
    ],
    ids=['hugging face', 'timm', 'ours', 'ours in theirs'],
)
def test_a_description_of_these_weights_is_used(tmp_path, name, described, eps, method):
    path = weights(tmp_path, name, **described)
    for source in (path, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert facts(load_encoder(source)) == (4, eps, [127.5] * 3, method)


@pytest.mark.parametrize(
    ('settings', 'mean', 'std'),
    [
        (dict(rescale_factor=1 / 255), 127.5, 127.5),
        (dict(rescale_factor=1 / 127.5), 63.75, 63.75),
        (dict(do_rescale=False), 0.5, 0.5),
        (dict(do_normalize=False), 0.0, 255.0),
    ],
)
def test_how_hugging_face_scales_pixels(tmp_path, settings, mean, std):
    """Their processor and our preprocessing give the same tensor."""
    path = weights(
        tmp_path, 'model.safetensors', config=HF, preprocessor_config={**HALF, **settings}
    )
    prepare = load_encoder(path).preprocess
    assert prepare.mean == pytest.approx([mean] * 3) and prepare.std == pytest.approx([std] * 3)
    pixels = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8)
    theirs = ViTImageProcessor(**HALF, do_resize=False, **settings)(pixels, return_tensors='pt')
    torch.testing.assert_close(
        prepare.normalise(pixels.float()), theirs['pixel_values'].float(), atol=1e-5, rtol=1e-5
    )


def test_statistics_of_timms_model_in_memory():
    model = timm.create_model('vit_tiny_patch16_224', img_size=32)
    assert model.pretrained_cfg['mean'] == (0.5,) * 3
    assert load_encoder(model).preprocess.mean == [127.5] * 3


@pytest.mark.parametrize('content', [dict(theme='dark'), [1, 2], 'text', dict(depths=['a'])])
def test_a_file_that_describes_no_encoder_is_no_reason_to_warn(tmp_path, content):
    path = weights(tmp_path, 'mine.pth', config=content)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert facts(load_encoder(path)) == UNKNOWN


@pytest.mark.parametrize('size', [dict(embed_dims=96), dict(num_layers=3)])
def test_heads_are_not_those_of_a_config_of_another_size(tmp_path, size):
    arch = {**ARCH, 'num_heads': 4, **size}
    state = MODELS.build({**SMALL_VIT, 'arch': ARCH}).state_dict()
    text = f'model = dict(type="X", backbone=dict(arch={arch}))'
    content = {'state_dict': {f'backbone.{k}': v for k, v in state.items()}}
    save_file({**content, 'meta': {'cfg': text}}, tmp_path / 'epoch_1.pth')
    ((name, value),) = size.items()
    with pytest.raises(ValueError, match=rf'another encoder: {name}={value}.*give arch'):
        load_encoder(tmp_path / 'epoch_1.pth')
    encoder = load_encoder(tmp_path / 'epoch_1.pth', arch=dict(num_heads=2))
    assert encoder.config.arch['num_heads'] == 2


def foreign(mean, std):
    """A data preprocessor of a class that nothing is known of."""
    return SimpleNamespace(mean=torch.tensor(mean), std=torch.tensor(std))


@pytest.mark.parametrize('kind', [MultiViewPreprocessor, SelfSupDataPreprocessor])
@pytest.mark.parametrize(
    ('mean', 'std'),
    [
        ([0.0] * 3, [255.0] * 3),  # values from 0 to 1
        ([0.0] * 3, [1.0] * 3),  # values as they are
        ([0.5] * 3, [0.25] * 3),
        ([127.5] * 3, [127.5] * 3),
        ([1.0, 2.0, 300.0], [1.0, 400.0, 2.0]),
    ],
)
def test_statistics_of_a_model_are_those_of_its_config(kind, mean, std):
    model = nn.ModuleDict({'backbone': MODELS.build({**SMALL_VIT, 'arch': ARCH})})
    model.data_preprocessor = kind(mean=mean, std=std, bgr_to_rgb=True)
    prepare = load_encoder(model).preprocess
    assert prepare.mean == pytest.approx(mean)
    assert prepare.std == pytest.approx(std)


@pytest.mark.parametrize(
    ('make', 'mean', 'std'),
    [
        (lambda: ImgDataPreprocessor([0.0] * 3, [255.0] * 3), 0.0, 255.0),
        (lambda: ImgDataPreprocessor([0.0] * 3, [1.0] * 3), 0.0, 1.0),
        (lambda: foreign([0.0] * 3, [255.0] * 3), 0.0, 255.0),
        (lambda: foreign([0.5] * 3, [0.5] * 3), 127.5, 127.5),
        (lambda: foreign([0.4] * 3, [128.0] * 3), pytest.approx(0.4), 128.0),
    ],
)
def test_statistics_of_preprocessors_of_other_libraries(make, mean, std):
    model = nn.ModuleDict({'backbone': MODELS.build({**SMALL_VIT, 'arch': ARCH})})
    model.data_preprocessor = make()
    prepare = load_encoder(model).preprocess
    assert prepare.mean == [mean] * 3
    assert prepare.std == [std] * 3


ORDERS = [
    dict(type='mcl_plugins.MultiViewPreprocessor'),
    dict(type='mcl_plugins.MultiViewPreprocessor', bgr_to_rgb=False),
    dict(type='mmpretrain.SelfSupDataPreprocessor', bgr_to_rgb=True),
    dict(type='mmpretrain.ClsDataPreprocessor', to_rgb=True),
    dict(type='mmpretrain.ClsDataPreprocessor'),
    dict(type='mmengine.ImgDataPreprocessor'),
]


@pytest.mark.parametrize('in_memory', [True, False])
@pytest.mark.parametrize('settings', ORDERS)
def test_colours_come_in_the_order_of_the_training(tmp_path, settings, in_memory):
    """The oracle is the training's own preprocessor, on the BGR image that a loader gives it."""
    settings = {**settings, 'mean': [10.0, 50.0, 90.0], 'std': [20.0, 30.0, 70.0]}
    model = nn.ModuleDict({'backbone': MODELS.build({**SMALL_VIT, 'arch': ARCH})}).eval()
    model.data_preprocessor = MODELS.build(settings)
    source = model
    if not in_memory:
        source = tmp_path / 'epoch_1.pth'
        text = f'model = {dict(backbone=dict(arch=ARCH))}\ndata_preprocessor = {settings}\n'
        save_file({'state_dict': model.state_dict(), 'meta': {'cfg': text}}, source)
    encoder = load_encoder(source)
    image = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8)
    decoded = image.flip(1)  # BGR
    listed = settings['type'] == 'mmpretrain.SelfSupDataPreprocessor'
    data = {'inputs': [decoded] if listed else decoded, 'data_samples': None}
    seen = model.data_preprocessor(data, False)['inputs']
    ours = encoder.backbone.patch_embed(encoder.preprocess.normalise(image))[0]
    theirs = model.backbone.patch_embed(seen[0] if listed else seen)[0]
    torch.testing.assert_close(ours, theirs)
