# Table 4a, contrast on random crops with a masked target: 83.1 if the paper means this. Table 4e has
# the target complete by default; that the row without CMAE's parts has it masked is a reading.
_base_ = '../ablations/random-crops_no-feature-decoder.py'

model = dict(target_mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.65, unit=2))
