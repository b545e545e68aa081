# UperNet on Swin-T as Swin's and MoBY's segmentation code has it, tested on whole images: mmseg's
# model with an encoder of ours, which takes a pre-training checkpoint, and with norms over all
# processes on any device.
_base_ = 'mmseg::_base_/models/upernet_swin.py'

model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.SwinTransformer',
        arch='tiny',
        img_size=512,
        window_size=7,
        drop_path_rate=0.3,
        out_indices=(0, 1, 2, 3),
        pad_small_map=True,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=150, norm_cfg=dict(type='mcl_plugins.SyncBN')),
    auxiliary_head=dict(num_classes=150, norm_cfg=dict(type='mcl_plugins.SyncBN')),
)
