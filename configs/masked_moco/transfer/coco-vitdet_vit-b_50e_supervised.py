# Supervised ViT-B/16 on COCO: 47.6 box and 42.4 mask AP (Masked MoCo, Table 6, which states neither
# epochs nor recipe of this row; we use its own 50 epochs). Give the checkpoint of a classifier,
# e.g. of in1k-finetune_vit-b.py trained with --cfg-options model.backbone.init_cfg=None.
_base_ = 'coco-vitdet_vit-b_50e.py'
