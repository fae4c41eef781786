"""The ground floor: files, locks, processes and hardware, by the standard library alone.

Everything may import it, the doctor included, and it imports nothing of ours. Its functions
raise the standard library's errors; the caller explains them to people.
"""
