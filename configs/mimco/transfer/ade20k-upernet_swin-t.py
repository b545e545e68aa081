# MimCo Swin-T on ADE20K, UperNet, 160k iterations: mIoU 44.44 from 100 epochs of pre-training,
# 45.40 from 300; from MoBY 44.06 (paper, Table 3; MoBY's recipe). Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = '../../moby/transfer/ade20k-upernet_swin-t.py'
