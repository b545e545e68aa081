# MimCo Swin-T, 100 epochs from a MoBY teacher of 300, global batch 2048: 81.7 after fine-tuning
# (paper, Table 1). tools/mimco_two_stage.sh swin-t 8 trains both, and fine-tunes.
# Train: tools/dist_train.sh configs/mimco/swin-t.py 32
# Cost: 3 H100 hours at 40% MFU, 4 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/mimco.py',
    '../_base_/datasets/imagenet_simmim.py',
    '../_base_/schedules/mimco.py',
    '../_base_/pretraining_runtime.py',
]

train_dataloader = dict(batch_size=64)
