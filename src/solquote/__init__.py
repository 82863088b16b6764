"""The product's face: the `solquote` command and the supervisor behind `solquote up`.

The only package that may import all others; nobody imports it.
"""
