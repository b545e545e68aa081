# Figure 4, 2 chunks online and 2 for the target: figure only.
_base_ = 'chunks-2.py'

model = dict(target_chunks=2)
