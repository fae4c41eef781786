"""Finds audio behind damage, with its true time, where libav gives up."""
