# The pocket benchmark's classifier on the ViT of most rows: fine-tuning with all labels or
# those of train_dataloader.dataset.ann_file=labels_200_0.txt, and the features of mcl knn and linear.
_base_ = '../quickstart/cmae_finetune.py'

train_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root='data/pocket/digits', ann_file=''))
val_dataloader = dict(
    num_workers=0, dataset=dict(data_root='data/pocket/digits', data_prefix='test'))
test_dataloader = val_dataloader
