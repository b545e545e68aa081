# COCO with trained absolute positions, as in MIMDet's code: no number, Table 3 may be either.
_base_ = '../transfer/coco-mask-rcnn_vit-b.py'

model = dict(backbone=dict(trained_positions=True))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(pos_embed=dict(decay_mult=0.0))))
