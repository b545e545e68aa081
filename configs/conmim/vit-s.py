# ConMIM ViT-S/16, 300 epochs: 82.0 after fine-tuning (paper, Tables 1 and 10).
# Train: tools/dist_train.sh configs/conmim/vit-s.py 16
# Cost: 18 H100 hours at 40% MFU, 6 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='small', drop_path_rate=0.1),
    neck=dict(in_channels=384),
    mask_generator=dict(unit=1),  # 16 px
)
train_cfg = dict(max_epochs=300)
