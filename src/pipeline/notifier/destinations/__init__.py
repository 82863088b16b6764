"""Where people are told: one module a destination, each with the form and the limits that its operator publishes."""
