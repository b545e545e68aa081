# iNaturalist 2019, prepared as 2018.
_base_ = './inat18_finetune.py'

data_preprocessor = dict(num_classes=1010)
species = dict(dataset=dict(data_root='data/inaturalist/2019', year=2019))
train_dataloader = species
val_dataloader = species
test_dataloader = species
del species
