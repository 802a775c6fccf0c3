"""Durable writes, careful reads and locks; nothing about models."""
