# Figure 4, 8 chunks online and 2 for the target: figure only.
_base_ = '../vit-s_in100_200e.py'

model = dict(target_chunks=2)
