# ccMIM in the pocket benchmark. bash tools/pocket_benchmark.sh --only ccmim runs and evaluates it.
_base_ = '../quickstart/ccmim.py'

train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
