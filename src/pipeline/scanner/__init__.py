"""Reads shared memory, finds what gains, says so on the bus. Makes no call to any service."""
