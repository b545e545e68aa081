# MoBY Swin-T, 300 epochs, global batch 512: 75.3 in the linear evaluation (released README), 81.4
# after fine-tuning (MimCo, Table 1). MimCo's teacher.
# Train: tools/dist_train.sh configs/moby/swin-t.py 8
# Cost: 20 H100 hours at 40% MFU, 7 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/moby.py',
    '../_base_/datasets/imagenet_two_views.py',
    '../_base_/schedules/moby.py',
    '../_base_/pretraining_runtime.py',
]

train_dataloader = dict(batch_size=64)
