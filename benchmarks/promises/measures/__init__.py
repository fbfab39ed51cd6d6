"""One module for each promise, each with one function `measure(short, report) -> Measured`."""
