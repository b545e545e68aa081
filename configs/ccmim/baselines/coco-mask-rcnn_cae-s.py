# CAE ViT-S on COCO: 44.1 box and 39.2 mask AP (paper, Table 2).
_base_ = '../transfer/coco-mask-rcnn_vit-s.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.CAEViT',
        arch='small',
        out_indices=(3, 5, 7, 11),
        drop_path_rate=0.1,
        with_cp=True,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')))
