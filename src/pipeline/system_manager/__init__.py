"""The kill switch: who may trade is decided here, latched on the SYSTEM stream, and pushed to every trading process."""
