# 36 epochs, the learning rate divided by 10 after 27 and 33 (Swin's detection code, 3x).
_base_ = './swin_detection.py'

train_cfg = dict(max_epochs=36)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[27, 33], gamma=0.1),
]
