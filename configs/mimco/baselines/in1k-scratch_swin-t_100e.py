# Supervised Swin-T on ImageNet from random weights, 100 epochs: 41.6 box and 38.4 mask AP on COCO
# afterwards (paper, Table 2, which gives no recipe: Swin's, shortened).
_base_ = '../../moby/baselines/in1k-scratch_swin-t.py'

train_cfg = dict(max_epochs=100)
