"""Tells people what happens in the pipeline: by mail, Slack, Discord, Telegram and PagerDuty."""
