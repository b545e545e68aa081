# The pocket benchmark's classifier on ConMIM's encoder; see classify_vit.py.
_base_ = '../quickstart/conmim_finetune.py'

model = dict(backbone=dict(init_cfg=dict(prefix='backbone.')))
train_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root='data/pocket/digits', ann_file=''))
val_dataloader = dict(
    num_workers=0, dataset=dict(data_root='data/pocket/digits', data_prefix='test'))
test_dataloader = val_dataloader
