"""Kafka's other side: publishing decisions and dead letters, creating topics, reading them. Consuming comments is stream.py's."""
