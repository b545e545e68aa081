"""Starting from a whole model of other classes: all but the last layers, or words."""

import logging

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.checkpoint.whole_model import check_classes, class_layers, load_but_classes


def segmentor(classes, channels=8):
    head = dict(type='FCNHead', in_channels=6, channels=channels, num_convs=1, num_classes=classes)
    config = dict(
        type='EncoderDecoder',
        data_preprocessor=None,
        backbone=dict(type='mmpretrain.LeNet5'),
        decode_head=dict(head, in_index=0),
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config)
    model.backbone = nn.Conv2d(3, 6, 1)
    return model


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_instance('whole model')
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    yield lambda: caplog.messages
    logger.removeHandler(caplog.handler)


def test_all_but_the_layers_of_the_classes(tmp_path, log):
    file, model = segmentor(5), segmentor(2)
    save_file({'state_dict': file.state_dict()}, tmp_path / 'other.pth')
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    layers = ['decode_head.conv_seg.weight', 'decode_head.conv_seg.bias']
    assert class_layers(model, file.state_dict()) == layers
    load_but_classes(model, str(tmp_path / 'other.pth'))
    for name, tensor in model.state_dict().items():
        expected = fresh[name] if name in layers else file.state_dict()[name]
        assert torch.equal(tensor, expected), name
    total = len(fresh)
    assert f'{total - 2} of {total} tensors; new here: decode_head.conv_seg.' in log()[-1]


def test_the_same_classes_load_whole(tmp_path, log):
    file, model = segmentor(2), segmentor(2)
    save_file({'state_dict': file.state_dict()}, tmp_path / 'same.pth')
    check_classes(model, str(tmp_path / 'same.pth'))
    load_but_classes(model, str(tmp_path / 'same.pth'))
    assert torch.equal(model.decode_head.conv_seg.weight, file.decode_head.conv_seg.weight)
    assert 'new here: nothing' in log()[-1]


def test_other_classes_are_named_with_the_option(tmp_path):
    save_file({'state_dict': segmentor(5).state_dict()}, tmp_path / 'other.pth')
    message = (
        r'other\.pth was trained on other classes .*decode_head\.conv_seg\.weight \(5, 8, 1, 1\) '
        r'in the file, \(2, 8, 1, 1\) here.*set model\.init_cfg\.checkpoint=.*other\.pth'
    )
    with pytest.raises(ValueError, match=message):
        check_classes(segmentor(2), str(tmp_path / 'other.pth'))


@pytest.mark.parametrize('change', ['width', 'missing', 'unexpected'])
def test_another_architecture_is_not_taken_for_other_classes(tmp_path, change):
    state = segmentor(5, channels=12 if change == 'width' else 8).state_dict()
    if change == 'missing':
        state.pop('decode_head.convs.0.conv.weight')
    elif change == 'unexpected':
        state['decode_head.more.weight'] = torch.ones(1)
    save_file({'state_dict': state}, tmp_path / 'other.pth')
    model = segmentor(2)
    if change == 'width':
        assert class_layers(model, state) == []
        check_classes(model, str(tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match='does not fit the EncoderDecoder .*more than the layers'):
        load_but_classes(model, str(tmp_path / 'other.pth'))


def test_a_queue_is_no_class_layer():
    """A buffer of another length in a pre-training head, which has no classes."""
    model, file = nn.Module(), nn.Module()
    model.register_buffer('queue', torch.ones(8, 2))
    file.register_buffer('queue', torch.ones(4, 2))
    assert class_layers(model, file.state_dict()) == []


def test_a_detector_has_layers_of_classes_in_its_box_and_mask_heads():
    pytest.importorskip('mmdet.models', reason='mmdet needs mmcv ops', exc_type=ImportError)

    def heads(classes):
        box = dict(type='Shared2FCBBoxHead', in_channels=4, fc_out_channels=8, roi_feat_size=2)
        mask = dict(type='FCNMaskHead', in_channels=4, conv_out_channels=4, num_convs=1)
        with DefaultScope.overwrite_default_scope('mmdet'):
            parts = [MODELS.build(part | dict(num_classes=classes)) for part in (box, mask)]
        return nn.ModuleDict(dict(roi_head=nn.ModuleDict(dict(bbox_head=parts[0], mask=parts[1]))))

    layers = {name.split('.')[-2] for name in class_layers(heads(3), heads(5).state_dict())}
    assert layers == {'fc_cls', 'fc_reg', 'conv_logits'}
