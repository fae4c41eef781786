"""From a machine with the base install to an engine that is proved, and used unasked.

`choose` decides by the GPUs what is set up, `pythons` finds a Python for it, `environment` makes
and removes environments, `install` has the doctor fill one, `prove` transcribes a sample with
it, and `config_file` then writes what every command reads. `run` takes these steps in order, and
back where one fails.
"""
