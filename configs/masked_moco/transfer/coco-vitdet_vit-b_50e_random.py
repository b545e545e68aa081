# ViT-B/16 from random weights on COCO: 48.1 box and 42.6 mask AP (Masked MoCo, Table 6, which
# states neither epochs nor recipe of this row; we use its own 50 epochs, without layer decay,
# because random weights must learn in all layers).
_base_ = 'coco-vitdet_vit-b_50e.py'

model = dict(backbone=dict(init_cfg=None))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
