# The supervised start of the demonstration on solar cells: the same network learns from random weights
# to tell monocrystalline from polycrystalline cells, labels that all training images come with.
_base_ = 'cells_classifier.py'

model = dict(backbone=dict(init_cfg=None))
types = dict(metainfo=dict(classes=('mono', 'poly')))
train_dataloader = dict(
    batch_size=64, dataset=dict(**types, ann_file='types_train.txt'))
val_dataloader = dict(dataset=dict(**types, ann_file='types_val.txt'))
test_dataloader = val_dataloader
del types
auto_scale_lr = dict(base_batch_size=64)
train_cfg = dict(max_epochs=5, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, eta_min=0.0, convert_to_iter_based=True),
]
auto_scale_schedule = dict(base_epochs=5)
default_hooks = dict(checkpoint=dict(interval=5))
