"""What the preprocessor makes of the loader's batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.testing import assert_close

from mcl_plugins.preprocessors import MultiViewPreprocessor

CONMIM = Path(__file__).parents[3] / 'configs/_base_/models/conmim.py'
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
INVERT = dict(type='mcl_plugins.Solarize', prob=1.0, threshold=0)  # x -> 1 - x, pixel by pixel
GRAY = dict(type='mcl_plugins.Grayscale', prob=1.0)


@pytest.fixture
def source():
    """(2, 3, 16, 16) uint8 BGR that holds every level in every channel."""
    order = np.random.default_rng(0).permuted(np.tile(np.arange(256), (6, 1)), axis=1)
    return torch.from_numpy(order.astype(np.uint8)).view(2, 3, 16, 16)


def build(views, **kwargs):
    return MultiViewPreprocessor(mean=MEAN, std=STD, views=views, **kwargs)


def normalised(source, bgr=True):
    """The definition, in double precision."""
    images = source.numpy().astype(np.float64)[:, ::-1] if bgr else source.numpy()
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    return torch.from_numpy((images - mean) / std).float()


def denormalised(view):
    """RGB between 0 and 1."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (view * std + mean) / 255


def test_view_without_operations_is_the_normalised_source(source):
    first, second = build([[], [INVERT]])({'inputs': source}, training=True)['inputs']
    for view in (first, second):
        assert view.dtype == torch.float32
    assert_close(first, normalised(source), atol=1e-6, rtol=0)
    assert_close(second, normalised(255 - source), atol=1e-6, rtol=0)


def test_bgr_becomes_rgb_unless_told_otherwise(source):
    red = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    red[:, 2] = 255  # the last of BGR
    view = build([[]])({'inputs': red}, training=True)['inputs'][0]
    assert_close(denormalised(view)[0, :, 0, 0], torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0)
    view = build([[]], bgr_to_rgb=False)({'inputs': source}, training=True)['inputs'][0]
    assert_close(view, normalised(source, bgr=False), atol=1e-6, rtol=0)


def test_views_of_a_shared_source_share_its_geometry(source):
    first, gray = build([[], [GRAY]])({'inputs': source}, training=True)['inputs']
    luma = (denormalised(first) * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1)
    for channel in denormalised(gray).unbind(dim=1):
        assert_close(channel, luma, atol=1e-6, rtol=0)


def test_view_i_starts_from_source_i_where_there_is_one_a_view(source):
    other = source.flip(3)
    views = build([[], [INVERT]])({'inputs': [source, other]}, training=True)['inputs']
    assert_close(views[0], normalised(source), atol=1e-6, rtol=0)
    assert_close(views[1], normalised(255 - other), atol=1e-6, rtol=0)


def test_operations_of_a_view_follow_the_order_of_the_list(source):
    threshold = dict(type='mcl_plugins.Solarize', prob=1.0, threshold=128)
    views = build([[GRAY, threshold], [threshold, GRAY]])({'inputs': source}, training=True)
    gray_first, gray_last = (denormalised(view) for view in views['inputs'])
    assert gray_first.max() < 0.51, 'what is solarized last has no bright value'
    assert not torch.allclose(gray_first, gray_last, atol=0.01)


def test_one_view_on_a_list_of_one_source(source):
    (view,) = build([[]])({'inputs': [source]}, training=True)['inputs']
    assert_close(view, normalised(source), atol=1e-6, rtol=0)


@pytest.mark.parametrize('count', [0, 3])
def test_wrong_number_of_sources_is_named(source, count):
    preprocessor = build([[], [INVERT]])
    message = rf'returns {count} images .* has 2 entries.*one image per view'
    with pytest.raises(ValueError, match=message):
        preprocessor({'inputs': [source] * count}, training=True)


def test_evaluation_only_normalises(source):
    preprocessor = build([[INVERT], [GRAY]])
    output = preprocessor({'inputs': source})['inputs']
    assert isinstance(output, torch.Tensor)
    assert_close(output, normalised(source), atol=1e-6, rtol=0)
    outputs = preprocessor({'inputs': [source, 255 - source]})['inputs']
    assert_close(outputs[0], normalised(source), atol=1e-6, rtol=0)
    assert_close(outputs[1], normalised(255 - source), atol=1e-6, rtol=0)


@pytest.mark.parametrize('training', [True, False])
def test_data_samples_pass_through(source, training):
    samples = [DataSample().set_gt_label(label) for label in (3, 5)]
    output = build([[]])({'inputs': source, 'data_samples': samples}, training=training)
    assert [int(sample.gt_label) for sample in output['data_samples']] == [3, 5]
    assert build([[]])({'inputs': source}, training=training)['data_samples'] is None


def test_source_is_not_changed_nor_does_one_view_change_another(source):
    before = source.clone()
    config = Config.fromfile(CONMIM).data_preprocessor
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        preprocessor = MODELS.build(config)
    torch.manual_seed(0)
    basic, strong = preprocessor({'inputs': source}, training=True)['inputs']
    assert torch.equal(source, before)
    assert_close(basic, normalised(source), atol=1e-6, rtol=0)
    assert not torch.allclose(strong, basic, atol=0.1)


def test_autocast_does_not_coarsen_the_images(source):
    """MMEngine's train_step calls the preprocessor inside the optimizer wrapper's autocast."""
    preprocessor = build([[], [dict(type='mcl_plugins.GaussianBlur', prob=1.0)]])
    torch.manual_seed(0)
    plain = preprocessor({'inputs': source}, training=True)['inputs']
    torch.manual_seed(0)
    with torch.autocast('cpu', torch.bfloat16):
        cast = preprocessor({'inputs': source}, training=True)['inputs']
    for view, wanted in zip(cast, plain, strict=True):
        assert view.dtype == torch.float32
        assert torch.equal(view, wanted)


def test_statistics_stay_out_of_checkpoints():
    assert not build([[]]).state_dict()


@pytest.mark.parametrize(
    ('change', 'numbers'),
    [
        (lambda images: images / 255, 'from 0 to 1'),
        (lambda images: images.half() / 255, 'from 0 to 1'),
        (lambda images: (images.float() - 120) / 60, 'from -2 to 2.25'),
    ],
    ids=['0 to 1', 'half precision', 'normalised'],
)
def test_images_that_the_pipeline_has_scaled_are_refused(source, change, numbers):
    """They would be divided by 255 again, and train as black."""
    with pytest.raises(ValueError, match=f'numbers {numbers}, .* leave ToTensor and Normalize out'):
        build([[]])({'inputs': change(source)}, training=True)


def test_floating_point_images_of_0_to_255_are_those_of_uint8(source):
    preprocessor = build([[]])
    (wanted,) = preprocessor({'inputs': source}, training=True)['inputs']
    (view,) = preprocessor({'inputs': source.float()}, training=True)['inputs']
    assert torch.equal(view, wanted)
    (view,) = build([[]])({'inputs': torch.zeros(1, 3, 4, 4)}, training=True)['inputs']
    assert view.max() < 0  # black images are no sign of another scale


NOT_STACKED = {
    'a list of images': lambda images: {'inputs': list(images)},
    'lists of views': lambda images: {'inputs': [(image, image) for image in images]},
    'a pair of images and labels': lambda images: (images, torch.zeros(len(images))),
    'another key': lambda images: {'img': images},
}


@pytest.mark.parametrize('case', NOT_STACKED)
def test_what_is_not_stacked_names_the_collate_function(source, case):
    """MMEngine's default is pseudo_collate; torchvision's data sets return pairs."""
    with pytest.raises(ValueError, match="collate_fn=dict.type='default_collate'"):
        build([[], []])(NOT_STACKED[case](source), training=True)
