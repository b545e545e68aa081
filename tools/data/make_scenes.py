"""Make the miniature benchmarks: the same scenes in ADE20K's format and in COCO's."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data scenes')
