"""Models: their names, where they are, and whether they can be trusted.

`resolve.find_model` turns a name into a path, `resolve.cached_models` lists what needs no
network, and `scan.model.refuse_hostile` checks a model's files before anything loads them.
"""
