# MoBY Swin-B, 300 epochs: 83.1 after fine-tuning (MimCo, Table 1: their own run, whose
# hyperparameters are not given; these are Swin-T's). No weights were released.
# Train: tools/dist_train.sh configs/moby/swin-b.py 8
# Cost: 67 H100 hours at 40% MFU, 15 GiB a GPU (computed, mcl bench cost).
_base_ = 'swin-t.py'

model = dict(backbone=dict(arch='base'), projector=dict(in_channels=1024))
