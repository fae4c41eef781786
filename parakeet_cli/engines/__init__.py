"""Speech to text behind one protocol; the only place that imports the models' packages."""
