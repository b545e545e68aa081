"""Images of 1, 4 and 13 bands: all parts agree before the first step, and training works."""

import copy

import numpy as np
import pytest
import tifffile
import torch
from mmengine.config import Config
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import MOCO_MLP, PIXEL_HEAD, SMALL_DECODER, SMALL_SWIN, SMALL_VIT
from mcl_plugins.algorithms import ReconstructingMethod
from mcl_plugins.backbones import ConvViT
from mcl_plugins.cli.decoder import decoder_of
from mcl_plugins.cli.visualize import masks, pictures, reconstruction
from mcl_plugins.engine.bands import check_bands, encoder_bands
from mcl_plugins.engine.runner import Runner
from mcl_plugins.utils.images import open_rgb

BLUR = [dict(type='mcl_plugins.GaussianBlur', prob=0.5)]
LIGHT = dict(
    type='mcl_plugins.ColorJitter', brightness=0.4, contrast=0.4, saturation=0, hue=0, prob=1.0
)


def cmae(bands):
    """A small CMAE for images of so many bands."""
    return dict(
        type='mcl_plugins.CMAE',
        backbone={**SMALL_VIT, 'in_channels': bands},
        pixel_decoder={**SMALL_DECODER, 'in_chans': bands},
        feature_decoder={**SMALL_DECODER, 'predict_feature_dim': 48},
        projector=dict(**MOCO_MLP, in_channels=48, num_layers=2),
        predictor=dict(**MOCO_MLP, in_channels=16, num_layers=2),
        pixel_head={**PIXEL_HEAD, 'in_channels': bands},
        contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.1),
        mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5, unit=1),
        momentum=dict(start=0.9, end=0.9),
        data_preprocessor=preprocessor(bands, [[], [LIGHT, *BLUR]]),
    )


def preprocessor(bands, views=((), ())):
    return dict(
        type='mcl_plugins.MultiViewPreprocessor',
        mean=[100.0 + band for band in range(bands)],
        std=[50.0] * bands,
        views=views,
    )


@pytest.fixture
def scenes(tmp_path):
    """Eight multi-band TIFFs of 16 bits."""

    def write(bands):
        rng = np.random.default_rng(bands)
        folder = tmp_path / 'bands/train'
        folder.mkdir(parents=True)
        for index in range(8):
            array = rng.integers(0, 65536, (40, 48, bands), dtype=np.uint16)
            tifffile.imwrite(
                folder / f'{index}.tif', array.squeeze(), photometric='minisblack',
                planarconfig='contig' if bands > 1 else None,
            )  # fmt: skip
        return folder

    return write


def configure(config, bands, color_type='unchanged'):
    config.model = cmae(bands)
    steps = config.train_dataloader.dataset.pipeline
    steps[0] = dict(type='mcl_plugins.LoadImageFromFile', color_type=color_type)
    steps[1].backend = 'cv2'
    return config


@pytest.mark.parametrize('bands', [1, 4, 13])
def test_a_training_on_other_bands_runs_to_its_end(
    training_config, scenes, bands, tmp_path, caplog
):
    folder = scenes(bands)
    training_config.train_dataloader.dataset.data_root = str(tmp_path / 'bands')
    config = configure(training_config, bands, 'grayscale' if bands == 1 else 'unchanged')
    config.train_dataloader.dataset.pipeline[1] = dict(type='Resize', scale=(32, 32))
    runner = Runner.from_cfg(config)
    runner.train()
    assert torch.isfinite(torch.tensor(runner.message_hub.get_scalar('train/loss').current()))
    assert runner.model.reconstruct(torch.zeros(2, bands, 32, 32))[0].shape[-1] == bands * 64
    assert 'samples per pixel' not in caplog.text  # Pillow's word for many bands
    # The bands are in the order of the file, each with its own mean.
    loader = runner.train_dataloader.dataset.pipeline.transforms[0]
    raw = np.atleast_3d(tifffile.imread(folder / '0.tif')).reshape(40, 48, bands)
    loaded = loader({'img_path': str(folder / '0.tif')})['img'].reshape(40, 48, bands)
    np.testing.assert_array_equal(loaded, np.floor(raw / 257 + 0.5))
    inputs = torch.from_numpy(loaded).permute(2, 0, 1)[None]
    normalised = runner.model.data_preprocessor({'inputs': inputs})['inputs']
    mean = 100.0 + torch.arange(bands).view(-1, 1, 1)
    torch.testing.assert_close(normalised, (inputs - mean) / 50, rtol=1e-4, atol=1e-5)


def test_pictures_of_one_band_are_drawn_and_of_13_refused(scenes, tmp_path):
    folder = scenes(1)
    model = MODELS.build(cmae(1)).eval()
    assert isinstance(model, ReconstructingMethod)
    loader = dict(dataset=dict(dataset=dict(pipeline=[
        dict(type='mcl_plugins.LoadImageFromFile', color_type='grayscale'),
    ])))  # fmt: skip
    decode = decoder_of(Config(loader))
    images = pictures.read_images([folder], 2, 32, decode)
    assert images.shape == (2, 1, 32, 32)
    _, visible, importance = masks.mask(model, images)
    assert importance is None and visible.shape == images.shape
    rows = reconstruction.reconstructions(model, images)
    torch.testing.assert_close(rows['input'] * 255, images.float(), atol=0.01, rtol=0)
    figure = reconstruction.draw(rows, 'one band')
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.shape == (32, 32, 3) and (drawn == drawn[..., :1]).all()
    array = np.zeros((40, 48, 13), np.uint8)
    tifffile.imwrite(tmp_path / '13.tif', array, photometric='minisblack', planarconfig='contig')
    decode.color_type = 'unchanged'
    with pytest.raises(ValueError, match=r'13\.tif has 13 bands: pictures are drawn'):
        open_rgb(tmp_path / '13.tif', decode)


def test_lengths_that_differ_are_named_before_the_first_step(training_config, scenes, tmp_path):
    scenes(13)
    training_config.train_dataloader.dataset.data_root = str(tmp_path / 'bands')
    config = configure(training_config, 13)
    cases = (
        (
            dict(model=dict(data_preprocessor=preprocessor(3))),
            r'takes images of 13 bands, but data_',
        ),
        (dict(model=cmae(4)), r'takes images of 4 bands, but the data set loads 13 of .*0\.tif'),
        (
            dict(model=cmae(3)),
            r'takes images of 3 bands, but the data set loads 13.*in_channels=13',
        ),
    )
    for number, (options, words) in enumerate(cases):
        wrong = copy.deepcopy(config)
        wrong.experiment_name = f'wrong-{number}'
        wrong.merge_from_dict(options)
        runner = Runner.from_cfg(wrong)
        with pytest.raises(ValueError, match=words):
            runner.train()
        assert 'train/loss' not in runner.message_hub.log_scalars
    wrong = configure(copy.deepcopy(config), 3, 'color')
    wrong.experiment_name = 'colour'
    with pytest.raises(ValueError, match="tif has 13 bands, but color_type='color'"):
        Runner.from_cfg(wrong).train()


@pytest.mark.parametrize(
    ('step', 'words'),
    [
        (dict(type='RandomResizedCrop', scale=32, backend='pillow'), "backend='cv2'"),
        (dict(type='ColorJitter', brightness=0.4), 'ColorJitter changes the colours of RGB'),
        (
            dict(type='MultiView', num_views=[2], transforms=[[dict(type='RandomGrayscale')]]),
            'RandomGrayscale changes the colours',
        ),
    ],
)
def test_a_step_that_other_bands_cannot_take_is_named(
    training_config, scenes, step, words, tmp_path
):
    scenes(4)
    training_config.train_dataloader.dataset.data_root = str(tmp_path / 'bands')
    config = configure(training_config, 4)
    config.train_dataloader.dataset.pipeline[1] = step
    with pytest.raises(ValueError, match=words):
        Runner.from_cfg(config).train()


@pytest.mark.parametrize(
    ('operation', 'remedy'),
    [
        (dict(type='mcl_plugins.Grayscale', prob=0.2), 'leave it out'),
        ({**LIGHT, 'saturation': 0.2}, 'set its saturation=0 and hue=0'),
        ({**LIGHT, 'hue': 0.1}, 'set its saturation=0 and hue=0'),
    ],
)
def test_operations_on_colours_are_refused_when_the_model_is_built(operation, remedy):
    for bands in (1, 4):
        with pytest.raises(ValueError, match=rf'views\.1 needs RGB .* {bands} band.*{remedy}'):
            MODELS.build(preprocessor(bands, [[], [operation]]))
    MODELS.build(preprocessor(3, [[], [operation]]))


def test_brightness_and_contrast_of_any_bands():
    """Contrast blends with the mean of all pixels and bands, where there is no luma."""
    torch.manual_seed(0)
    jitter = MODELS.build({**LIGHT, 'brightness': 0.0, 'contrast': 0.4})
    images = 0.3 + 0.2 * torch.rand(3, 5, 8, 8)
    change = (jitter(images) - images.mean(dim=(1, 2, 3), keepdim=True)) / (
        images - images.mean(dim=(1, 2, 3), keepdim=True)
    )
    factor = change.mean(dim=(1, 2, 3))
    assert ((factor > 0.6) & (factor < 1.4)).all() and len(factor.unique()) == 3
    torch.testing.assert_close(
        change, factor.view(-1, 1, 1, 1).expand_as(change), rtol=1e-2, atol=1e-2
    )


def test_only_three_bands_are_swapped():
    for bands, expected in ((1, [7]), (3, [9, 8, 7]), (4, [7, 8, 9, 10])):
        prepare = MODELS.build({**preprocessor(bands), 'mean': [0.0] * bands, 'std': [1.0] * bands})
        image = torch.arange(7, 7 + bands, dtype=torch.uint8).view(1, -1, 1, 1)
        assert prepare({'inputs': image})['inputs'].round().flatten().tolist() == expected
        with pytest.raises(ValueError, match=f'have 2 bands, but .*mean has {bands} numbers'):
            prepare({'inputs': image[:, :1].expand(1, 2, 1, 1)})
    with pytest.raises(ValueError, match='mean has 3 numbers and std 1'):
        MODELS.build({**preprocessor(3), 'std': [1.0]})


def test_the_pixel_head_reconstructs_the_bands_of_the_encoder():
    wrong = cmae(13)
    wrong['pixel_head']['in_channels'] = 3
    with pytest.raises(ValueError, match='set in_channels=13 of the pixel head and in_chans=13'):
        MODELS.build(wrong)
    wrong = cmae(13)
    del wrong['pixel_decoder']['in_chans']
    with pytest.raises(ValueError, match='its in_chans to 13'):
        MODELS.build(wrong)


@pytest.mark.parametrize(
    'backbone',
    [
        dict(type='mcl_plugins.MaskedViT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.MaskedBEiTViT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.MaskedMoCoViT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.SimMIMViT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.VisionTransformer', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.BEiTViT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.DeiT', arch='deit-t', img_size=32, patch_size=8),
        dict(type='mcl_plugins.SwinTransformer', **SMALL_SWIN),
        dict(type='mcl_plugins.SimMIMSwin', **SMALL_SWIN),
        dict(type='ResNet', depth=18),
    ],
    ids=lambda backbone: backbone['type'],
)
def test_every_encoder_takes_other_bands(backbone):
    assert encoder_bands(MODELS.build({**backbone, 'in_channels': 13})) == 13


def test_the_hybrid_encoder_takes_other_bands():
    arch = dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2)
    model = ConvViT(arch, img_size=64, in_channels=5)
    assert encoder_bands(model) == 5
    assert model(torch.zeros(1, 5, 64, 64))[0].shape == (1, 16, 24)


def test_a_classifier_is_checked_too(images):
    backbone = dict(type='VisionTransformer', arch='deit-t', in_channels=1)
    model = ImageClassifier(backbone, data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3))
    with pytest.raises(ValueError, match='takes images of 1 bands'):
        check_bands(model)
    assert Image.open(next(images.rglob('*.jpg'))).mode == 'RGB'
