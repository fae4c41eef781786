"""Runs a batch's items: in this process, in worker processes, or in Ray actors."""
