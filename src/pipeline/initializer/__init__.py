"""Makes the streams of the bus and keeps them as planned; everybody else waits for them to be there."""
