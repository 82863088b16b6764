"""Quotes from outside APIs, paced, cached and watched."""
