# ViT-B/16 from random weights on COCO: 48.1 box and 42.6 mask AP (Masked MoCo, Table 6, which
# states neither epochs nor recipe of this row; we use its own 50 epochs).
_base_ = 'coco-vitdet_vit-b_50e.py'

model = dict(backbone=dict(init_cfg=None))
