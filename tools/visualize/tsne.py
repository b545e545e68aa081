"""Draw the t-SNE of the features of some classes (MimCo, Figure 3)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('tsne')
