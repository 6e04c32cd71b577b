"""Query: answers for people, read from Redis and the outbound topics; it decides nothing."""
