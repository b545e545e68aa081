# Figure 4, 2 chunks online and 4 for the target: figure only.
_base_ = 'chunks-2.py'

model = dict(target_chunks=4)
