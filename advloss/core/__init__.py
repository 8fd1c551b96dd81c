"""What every part may use: errors, files, devices, processes, precision, the clock of a training."""
