# Table 10, SimMIM and MoBY trained together, 300 epochs: 81.29.
_base_ = 'multi-task_100e.py'

train_cfg = dict(max_epochs=300)
