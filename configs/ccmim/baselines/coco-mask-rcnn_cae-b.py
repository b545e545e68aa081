# CAE ViT-B on COCO: 48.4 box and 42.6 mask AP from 300 epochs of pre-training, 49.8 and 43.9 from 800
# (paper, Table 2). The detector is that of the other rows, with CAE's own encoder.
_base_ = '../transfer/coco-mask-rcnn_vit-b.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.CAEViT',
        out_indices=(3, 5, 7, 11),
        drop_path_rate=0.2,
        with_cp=True,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')))
