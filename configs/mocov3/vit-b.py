# MoCo v3 ViT-B/16, 300 epochs, global batch 4096: 76.7 in the linear evaluation, 83.2 after
# fine-tuning (released README). MimCo's teacher.
# Train: tools/dist_train.sh configs/mocov3/vit-b.py 16
# Cost: 76 H100 hours at 40% MFU, 34 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-s.py'

model = dict(backbone=dict(arch='base'), neck=dict(in_channels=768))
