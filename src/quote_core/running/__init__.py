"""What a platform that runs leaves in its data folder, for whoever looks at it: who it is, how its processes are, logs.

The supervisor (`solquote up`) writes these files, its commands and the aggregator's web page read them. Import the
modules; nothing is loaded here, since a stop is told through one of them.
"""
