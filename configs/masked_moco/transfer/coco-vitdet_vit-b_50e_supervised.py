# Supervised ViT-B/16 on COCO: 47.6 box and 42.4 mask AP (Masked MoCo, Table 6, which states neither
# epochs nor recipe of this row; we use its own 50 epochs). Give the checkpoint of a classifier that
# was trained from random weights: configs/conmim/baselines/in1k-scratch_vit-b.py.
_base_ = 'coco-vitdet_vit-b_50e.py'
