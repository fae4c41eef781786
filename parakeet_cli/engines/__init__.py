"""Speech to text behind one protocol. Only this package imports the models' packages."""
