"""Where a batch is transcribed: in this process, in workers, or on Ray."""
