"""What was named on the command line becomes jobs."""
