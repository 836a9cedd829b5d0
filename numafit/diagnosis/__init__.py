"""Advice to operators on their hosts, their configuration and their flavors."""
