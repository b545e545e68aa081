"""Draw what a model finds in the images of a folder: mcl predict CONFIG --images FOLDER."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('predict')
