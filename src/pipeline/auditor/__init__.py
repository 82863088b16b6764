"""Profit and loss, from the results on EXECUTED and nothing else."""
