"""An encoder reads image files as its training did."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import PREPROCESSOR, SMALL_VIT
from mcl_plugins import encode_folder, load_encoder
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli.export.run import write_verified
from mcl_plugins.encoders.reading import Reading
from mcl_plugins.transforms import LoadImageFromFile

FILES = {
    '12 bits': (dict(bit_depth=12), 'a.png', np.full((40, 40), 2048, np.uint16)),
    '16 bits, dark': (dict(bit_depth=16), 'a.png', np.full((40, 40), 2570, np.uint16)),
    'reflectances': (
        dict(value_range=(0, 10000)),
        'a.tif',
        np.full((40, 40, 3), 5000, np.uint16),
    ),
    'float': (dict(value_range=(-1.0, 1.0)), 'a.tif', np.full((40, 40), 0.5, np.float32)),
    '8 bits': (dict(imdecode_backend='pillow'), 'a.png', np.full((40, 40), 9, np.uint8)),
}
WRAPPED = {
    'plain': lambda data: data,
    'dataset': lambda data: dict(type='RepeatDataset', dataset=data),
    'datasets': lambda data: dict(type='ConcatDataset', datasets=[data, data]),
    'branches': lambda data: dict(
        pipeline=[dict(type='MultiBranch', branch=dict(sup=data['pipeline']))]
    ),
}


def checkpoint(folder, step, wrap='plain', bands=3):
    """A checkpoint whose training read images with a loader."""
    backbone = {**SMALL_VIT, 'in_channels': bands}
    prepare = {**PREPROCESSOR, 'mean': [0.0] * bands, 'std': [255.0] * bands}
    data = WRAPPED[wrap](dict(type='ImageFolder', pipeline=[step, dict(type='PackInputs')]))
    text = Config(
        dict(
            model=dict(type='X', backbone=backbone),
            data_preprocessor=prepare,
            train_dataloader=dict(dataset=data),
        )
    ).pretty_text
    state = {f'backbone.{k}': v for k, v in MODELS.build(backbone).state_dict().items()}
    save_file({'state_dict': state, 'meta': {'cfg': text}}, folder / 'epoch_1.pth')
    return folder / 'epoch_1.pth'


def write(path, pixels):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == '.tif':
        tifffile.imwrite(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    return path


def as_in_training(settings, path):
    """The pixels (C, H, W) that the training's loader gives, colours as RGB."""
    pixels = LoadImageFromFile(**settings)({'img_path': str(path)})['img']
    return np.atleast_3d(pixels)[..., ::-1].transpose(2, 0, 1)


@pytest.mark.parametrize('loader', ['LoadImageFromFile', 'LoadRandomResizedCrop'])
@pytest.mark.parametrize('case', FILES)
def test_files_are_read_as_in_the_training(tmp_path, case, loader):
    settings, name, pixels = FILES[case]
    path = write(tmp_path / 'images' / name, pixels)
    encoder = load_encoder(checkpoint(tmp_path, dict(type=f'mcl_plugins.{loader}', **settings)))
    assert np.array_equal(encoder.preprocess.read(path).numpy(), as_in_training(settings, path))
    assert encoder.preprocess.reading.backend == settings.get('imdecode_backend', 'cv2')
    names, _ = encode_folder(encoder, tmp_path / 'images', progress=False)
    assert names == [name]


@pytest.mark.parametrize('wrap', WRAPPED)
def test_the_loader_is_found_within_wrappers(tmp_path, wrap):
    step = dict(type='mcl_plugins.LoadImageFromFile', bit_depth=12)
    encoder = load_encoder(checkpoint(tmp_path, step, wrap))
    assert encoder.preprocess.reading.bit_depth == 12


@pytest.mark.parametrize('to', ['safetensors', 'timm', 'huggingface', 'mmpretrain'])
@pytest.mark.parametrize('settings', [dict(bit_depth=12), dict(value_range=(0, 10000))])
def test_an_export_reads_as_the_training_did(tmp_path, to, settings):
    step = dict(type='mcl_plugins.LoadImageFromFile', **settings)
    encoder = load_encoder(checkpoint(tmp_path, step))
    write_verified(encoder, to, 'epoch_1.pth', tmp_path / 'export')
    again = load_encoder(tmp_path / 'export')
    assert again.preprocess == encoder.preprocess
    assert again.preprocess.reading == Reading(**settings)


def test_an_export_of_before_is_read_by_the_config_within(tmp_path):
    step = dict(type='mcl_plugins.LoadImageFromFile', bit_depth=12)
    encoder = load_encoder(checkpoint(tmp_path, step))
    described = json.loads(json.dumps(encoder.describe()))
    del described['preprocessing']['reading']
    state = {f'backbone.{k}': v for k, v in encoder.backbone.state_dict().items()}
    save_file({'state_dict': state, 'meta': {'encoder': described}}, tmp_path / 'encoder.pth')
    assert load_encoder(tmp_path / 'encoder.pth').preprocess.reading.bit_depth == 12


@pytest.mark.parametrize(
    ('color_type', 'bands', 'in_chans', 'found'),
    [
        (None, 3, None, 'color'),
        (None, 1, None, 'grayscale'),
        (None, 5, None, 'unchanged'),
        ('unchanged', 3, None, 'unchanged'),
        ('unchanged', 1, None, 'unchanged'),
        ('color_ignore_orientation', 3, None, 'color_ignore_orientation'),
        ('color_ignore_orientation', 3, 1, 'grayscale_ignore_orientation'),
        ('unchanged', 3, 1, 'grayscale_ignore_orientation'),
        ('color', 3, 1, 'grayscale'),
        ('color', 3, 4, 'unchanged'),
    ],
)
def test_bands_and_orientation_are_those_of_the_training(
    tmp_path, color_type, bands, in_chans, found
):
    step = dict(type='LoadImageFromFile', **(dict(color_type=color_type) if color_type else {}))
    prepare = load_encoder(checkpoint(tmp_path, step, bands=bands), in_chans=in_chans).preprocess
    assert prepare.decoder.color_type == found


@pytest.mark.parametrize('color_type', ['color', 'color_ignore_orientation', 'unchanged'])
def test_a_pillow_image_is_turned_as_its_file_is(tmp_path, color_type):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    exif = image.getexif()
    exif[0x112] = 6
    image.save(tmp_path / 'turned.png', exif=exif)
    step = dict(type='LoadImageFromFile', color_type=color_type)
    read = load_encoder(checkpoint(tmp_path, step)).preprocess.read
    with Image.open(tmp_path / 'turned.png') as opened:
        found = read(opened)
    assert np.array_equal(found, read(tmp_path / 'turned.png'))
    assert found.shape[1:] == ((50, 40) if color_type == 'color' else (40, 50))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(bit_depth='12'), "bit_depth='12' must be a whole number"),
        (dict(bit_depth=True), 'bit_depth=True must be a whole number'),
        (dict(value_range=5), r'value_range=\(5,\) must be two numbers'),
        (dict(value_range=(0, 'a')), r"value_range=\(0, 'a'\) must be two numbers"),
        (
            dict(value_range=(0, 1), bit_depth=12),
            r'bit_depth=12 and value_range=\(0, 1\) are both set',
        ),
        (dict(color_type='colour'), "color_type='colour' must be one of"),
    ],
)
def test_settings_that_no_loader_has_are_named_with_the_file(tmp_path, settings, message):
    step = dict(type='mcl_plugins.LoadImageFromFile', **settings)
    with pytest.raises(ValueError, match=rf'epoch_1.pth: {message}'):
        load_encoder(checkpoint(tmp_path, step))


def test_the_files_of_a_folder_have_one_bit_depth(tmp_path):
    encoder = load_encoder(checkpoint(tmp_path, dict(type='LoadImageFromFile')))
    for name, value in (('bright.png', 65535), ('dark.png', 2570)):
        write(tmp_path / 'images' / name, np.full((40, 40), value, np.uint16))
    names, features = encode_folder(encoder, tmp_path / 'images', progress=False)
    assert names == ['bright.png', 'dark.png']
    dark = encoder.encode(np.full((40, 40), 10, np.uint8)).mean[0].numpy()
    assert np.allclose(features[1], dark, atol=1e-5)


def test_a_folder_of_unknown_bit_depth_says_how_to_set_it(tmp_path):
    encoder = load_encoder(checkpoint(tmp_path, dict(type='LoadImageFromFile')))
    write(tmp_path / 'images/a.png', np.full((40, 40), 2048, np.uint16))
    with pytest.raises(ValueError, match=r'bit_depth=12.*encoder.preprocess = dataclasses.replace'):
        encode_folder(encoder, tmp_path / 'images', progress=False)
    encoder.preprocess = replace(encoder.preprocess, reading=Reading(bit_depth=12))
    names, _ = encode_folder(encoder, tmp_path / 'images', progress=False)
    assert names == ['a.png']
