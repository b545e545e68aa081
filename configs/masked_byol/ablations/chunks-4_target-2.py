# Figure 4, 4 chunks online and 2 for the target: figure only.
_base_ = 'chunks-4.py'

model = dict(target_chunks=2)
