# The runtime of pre-training, which keeps four checkpoints over the run for figures over epochs.
_base_ = './default_runtime.py'

default_hooks = dict(checkpoint=dict(milestones=4))
