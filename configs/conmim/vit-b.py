# ConMIM ViT-B/16, 800 epochs: 83.7 after fine-tuning (paper, Table 1).
# Train: tools/dist_train.sh configs/conmim/vit-b.py 16
# Cost: 125 H100 hours at 40% MFU, 12 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/conmim.py',
    '../_base_/datasets/imagenet_one_crop.py',
    '../_base_/schedules/conmim.py',
    '../_base_/pretraining_runtime.py',
]
